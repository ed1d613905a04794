// Parsers of the npm registry: each parses mails and decodes their text.   rival.mjs mailparser|postal-mime FOLDER
import fs from 'node:fs';
import path from 'node:path';

const [kind, folder] = process.argv.slice(2);
// nothing made of the text: that is left to whoever reads it, and would only slow it
const plain = { skipTextToHtml: true, skipTextLinks: true, skipImageLinks: true, skipHtmlToText: true };
let parse;
if (kind === 'mailparser') {
    const { simpleParser } = (await import('mailparser')).default;
    parse = raw => simpleParser(raw, plain);
} else {
    const PostalMime = (await import('postal-mime')).default;
    parse = raw => PostalMime.parse(raw);
}
const mails = fs.readdirSync(folder).filter(name => name.endsWith('.eml')).sort()
    .map(name => fs.readFileSync(path.join(folder, name)));
let text = 0;
const wall = performance.now(), cpu = process.cpuUsage();
for (const raw of mails) {
    const mail = await parse(raw);
    text += (mail.text || '').length + (mail.html || '').length;
}
const used = process.cpuUsage(cpu);
console.log(JSON.stringify({
    mails: mails.length, bytes: mails.reduce((n, raw) => n + raw.length, 0),
    wall_s: (performance.now() - wall) / 1e3, cpu_s: (used.user + used.system) / 1e6, text_chars: text,
}));
