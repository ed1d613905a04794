# MIME-tools: parses each mail and decodes its text parts.   rival.pl FOLDER
use strict;
use warnings;
use Encode qw(find_encoding);
use MIME::Parser;
use Time::HiRes qw(time);

my ($parser, $text, $bytes, @mails) = (MIME::Parser->new, 0, 0);
$parser->output_to_core(1);
$parser->tmp_to_core(1);
$parser->extract_nested_messages('NEST');
for my $name (sort glob "$ARGV[0]/*.eml") {
    open my $file, '<:raw', $name or die "$name: $!";
    local $/;
    push @mails, scalar <$file>;
    $bytes += length $mails[-1];
}

sub part {
    my $entity = shift;
    if ($entity->parts) {
        part($_) for $entity->parts;
        return;
    }
    my $body = $entity->bodyhandle;
    return unless $body && $entity->mime_type =~ m{^text/(plain|html)};
    my $charset = find_encoding($entity->head->mime_attr('content-type.charset') || 'utf-8');
    $text += length $charset->decode($body->as_string) if $charset;
}

my ($wall, @cpu) = (time, times);
part($parser->parse_data($_)) for @mails;
my @used = times;
printf qq({"mails": %d, "bytes": %d, "wall_s": %.4f, "cpu_s": %.4f, "text_chars": %d}\n), scalar @mails, $bytes,
    time - $wall, $used[0] + $used[1] - $cpu[0] - $cpu[1], $text;
