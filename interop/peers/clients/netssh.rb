# Ruby's net-ssh with everything that it has.
require 'net/ssh'

host, port, user, key, *rest = ARGV
command = rest.join(' ')
options = {
  port: port.to_i, keys: [key], keys_only: true, non_interactive: true, verify_host_key: :never, config: false,
  use_agent: false, auth_methods: ['publickey'], timeout: 10, append_all_supported_algorithms: true
}
options[:rekey_limit] = ENV['REKEY'].to_i if ENV['REKEY']
options[:compression] = %w[none zlib@openssh.com zlib]
status = 255
data = $stdin.binmode.read
$stdout.binmode
Net::SSH.start(host, user, options) do |session|
  session.open_channel do |channel|
    started = lambda do |_, success|
      raise 'refused' unless success

      channel.on_data { |_, received| $stdout.write received }
      channel.on_extended_data { |_, _, received| $stderr.write received }
      channel.on_request('exit-status') { |_, received| status = received.read_long }
      channel.send_data(data) unless data.empty?
      channel.eof!
    end
    ENV['SUBSYSTEM'] ? channel.subsystem(command, &started) : channel.exec(command, &started)
  end
  session.loop
end
exit status
