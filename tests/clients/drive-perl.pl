# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: drive-perl.pl URI DOMAIN.xml
# Drives Sys::Virt: what a program that uses libvirt's library does, from two
# connections at once. Prints TAP.
use strict;
use warnings;

use Sys::Virt;
use Sys::Virt::Domain;
use Sys::Virt::Event;
use Sys::Virt::Stream;
use Test::More;

my ($uri, $path) = @ARGV;
my $channel = "<vmchannel type='null'><target port='601'/></vmchannel>";
my $xml = do { local $/; open(my $file, '<', $path) or die "$path: $!"; <$file> };

# What @_ ends with: an error of libvirt's, or the empty string.
sub refused {
    my $call = shift;
    eval { $call->(); 1 } and return '';
    return $@;
}

Sys::Virt::Event::register_default();
my $one = Sys::Virt->new(uri => $uri);
my $two = Sys::Virt->new(uri => $uri);
ok($one->is_alive && $two->is_alive, 'two connections');

my %seen;
my $timer = Sys::Virt::Event::add_timeout(100, sub { });
$two->domain_event_register_any(undef, Sys::Virt::Domain::EVENT_ID_LIFECYCLE,
    sub { my ($conn, $domain, $event) = @_; $seen{$event} = $domain->get_name });

sub wait_for {
    my ($event) = @_;
    my $end = time + 60;
    Sys::Virt::Event::run_default() until $seen{$event} || time > $end;
    return ($seen{$event} // '') eq 'perl';
}

my $domain = $one->define_domain($xml);
ok(wait_for(Sys::Virt::Domain::EVENT_DEFINED), 'define, and an event on the other connection');
my $other = $two->get_domain_by_name('perl');
like($domain->get_xml_description, qr/<target port='600'\/>/, 'XMLDesc');
is($other->get_xml_description, $domain->get_xml_description, 'XMLDesc, the same on both');

my $config = Sys::Virt::Domain::DEVICE_MODIFY_CONFIG;
$domain->attach_device($channel, $config);
like($other->get_xml_description, qr/<target port='601'\/>/, 'attach on one, seen on the other');
my $error = refused(sub { $other->attach_device($channel, $config) });
like($error->message, qr/'601'/, 'the same again is refused');
$other->detach_device($channel, $config);
unlike($domain->get_xml_description, qr/<target port='601'\/>/, 'detach on the other');

$domain->create;
ok(wait_for(Sys::Virt::Domain::EVENT_STARTED), 'start');
my $picture = '';
my $stream = $one->new_stream;
$domain->screenshot($stream, 0);
$stream->recv_all(sub { my ($st, $data, $count) = @_; $picture .= substr($data, 0, $count); $count });
$stream->finish;
ok($picture =~ /^\x89PNG.*IEND.{4}$/s, 'a screenshot as a stream');
$domain->destroy;
ok(wait_for(Sys::Virt::Domain::EVENT_STOPPED), 'stop');
$domain->undefine;
$error = refused(sub { $two->get_domain_by_name('perl') });
is($error->code, Sys::Virt::Error::ERR_NO_DOMAIN, 'undefine');
Sys::Virt::Event::remove_timeout($timer);
done_testing;
