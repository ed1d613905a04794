<?php
/* PHP's mailparse (C): parses each mail and decodes its text parts.   rival.php FOLDER */
$mails = array_map('file_get_contents', glob($argv[1] . '/*.eml'));
$text = 0;
$seconds = function () {
    $u = getrusage();
    return $u['ru_utime.tv_sec'] + $u['ru_stime.tv_sec'] + ($u['ru_utime.tv_usec'] + $u['ru_stime.tv_usec']) / 1e6;
};
$wall = microtime(true);
$cpu = $seconds();
foreach ($mails as $raw) {
    $mail = mailparse_msg_create();
    mailparse_msg_parse($mail, $raw);
    foreach (mailparse_msg_get_structure($mail) as $id) {
        $part = mailparse_msg_get_part($mail, $id);
        $data = mailparse_msg_get_part_data($part);
        if ($data['content-type'] !== 'text/plain' && $data['content-type'] !== 'text/html')
            continue;
        ob_start(); // where mailparse puts a part without its transfer encoding
        mailparse_msg_extract_part($part, $raw);
        $utf8 = iconv($data['content-charset'] ?? 'utf-8', 'utf-8//IGNORE', ob_get_clean());
        $text += strlen((string)$utf8);
    }
    mailparse_msg_free($mail);
}
printf("{\"mails\": %d, \"bytes\": %d, \"wall_s\": %.4f, \"cpu_s\": %.4f, \"text_bytes\": %d}\n", count($mails),
    array_sum(array_map('strlen', $mails)), microtime(true) - $wall, $seconds() - $cpu, $text);
