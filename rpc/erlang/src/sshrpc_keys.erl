%% @private Which host keys are good, and which keys of the user's there are, as Erlang's ssh asks for them.
%%
%% Erlang's ssh tells of a host key that was refused only that the key exchange failed: why, this module tells the process
%% that connects.
-module(sshrpc_keys).
-behaviour(ssh_client_key_api).

-export([new/4, options/1, refusal/1]).
-export([is_host_key/5, add_host_key/4, user_key/2]).
-export_type([keys/0, refusal/0]).

-type keys() :: #{
    reference := reference(),
    asked := pid(),
    host := string(),
    port := inet:port_number(),
    policy := known | accept_new | {fingerprint, string()},
    known_hosts := file:filename(),
    directories := [file:filename()]
}.
-type refusal() :: {unknown | changed | revoked | {other_than, string()}, Fingerprint :: string(), File :: string()}.

%% What the process that asks expects of a host, and has of its own.
-spec new(string(), inet:port_number(), known | accept_new | {fingerprint, string()}, string() | default) -> keys().
new(Host, Port, Policy, UserDir) ->
    {Hosts, Directories} =
        case UserDir of
            default -> {home([".ssh", "known_hosts"]), [own_directory(), home([".ssh"])]};
            _ -> {filename:join(UserDir, "known_hosts"), [UserDir]}
        end,
    #{
        reference => make_ref(),
        asked => self(),
        host => Host,
        port => Port,
        policy => Policy,
        known_hosts => Hosts,
        directories => Directories
    }.

%% Options for `ssh:connect'. A host of which one key is known has to show that one, whatever others it has.
-spec options(keys()) -> [ssh:client_option()].
options(Keys = #{host := Host, port := Port, known_hosts := File}) ->
    Known = lists:append([algorithms(Type) || {known, Type, _Key} <- sshrpc_known_hosts:keys(File, Host, Port)]),
    Supported = proplists:get_value(public_key, ssh:default_algorithms(), []),
    {First, Others} = lists:partition(fun(Algorithm) -> lists:member(Algorithm, Known) end, Supported),
    [{key_cb, {?MODULE, [Keys]}}, {preferred_algorithms, [{public_key, First ++ Others}]}].

%% Why the host key was refused, if it was.
-spec refusal(keys()) -> {host_key, refusal()} | none.
refusal(#{reference := Reference}) ->
    receive
        {Reference, Refusal} -> {host_key, Refusal}
    after 0 -> none
    end.

%% Asked by Erlang's ssh, in a process of its.
is_host_key(Key, _Host, _Port, _Algorithm, Options) ->
    [Keys] = proplists:get_value(key_cb_private, Options),
    #{reference := Reference, asked := Asked, known_hosts := File} = Keys,
    case verdict(Key, Keys) of
        good -> true;
        Bad ->
            Asked ! {Reference, {Bad, fingerprint(Key), File}},
            {error, Bad}
    end.

%% Whom to add, `is_host_key' has added.
add_host_key(_Host, _Port, _Key, _Options) ->
    ok.

%% The first key of this algorithm.
user_key(Algorithm, Options) ->
    [#{directories := Directories}] = proplists:get_value(key_cb_private, Options),
    user_key(Directories, Algorithm, Options).

user_key([Directory | Others], Algorithm, Options) ->
    case ssh_file:user_key(Algorithm, [{user_dir, Directory} | proplists:delete(user_dir, Options)]) of
        {ok, Key} -> {ok, Key};
        {error, _} when Others =/= [] -> user_key(Others, Algorithm, Options);
        {error, Reason} -> {error, Reason}
    end.

verdict(Key, #{policy := {fingerprint, Expected}}) ->
    case fingerprint(Key) of
        Expected -> good;
        _ -> {other_than, Expected}
    end;
verdict(Key, #{policy := Policy, host := Host, port := Port, known_hosts := File}) ->
    {Type, Text} = Entry = entry(Key),
    Known = sshrpc_known_hosts:keys(File, Host, Port),
    case {lists:member({revoked, Type, Text}, Known), lists:member({known, Type, Text}, Known)} of
        {true, _} -> revoked;
        {false, true} -> good;
        {false, false} ->
            case [Other || {known, _, _} = Other <- Known] of
                [] when Policy =:= accept_new ->
                    case sshrpc_known_hosts:add(File, Host, Port, Entry) of
                        ok -> good;
                        {error, _} -> unknown
                    end;
                [] -> unknown;
                [_ | _] -> changed
            end
    end.

%% As it stands in known_hosts.
entry(Key) ->
    <<Size:32, Type:Size/binary, _/binary>> = Blob = ssh_file:encode(Key, ssh2_pubkey),
    {Type, base64:encode(Blob)}.

fingerprint(Key) ->
    ssh:hostkey_fingerprint(sha256, Key).

algorithms(<<"ssh-rsa">>) -> ['rsa-sha2-512', 'rsa-sha2-256'];
algorithms(<<"ssh-ed25519">>) -> ['ssh-ed25519'];
algorithms(<<"ssh-ed448">>) -> ['ssh-ed448'];
algorithms(<<"ecdsa-sha2-nistp256">>) -> ['ecdsa-sha2-nistp256'];
algorithms(<<"ecdsa-sha2-nistp384">>) -> ['ecdsa-sha2-nistp384'];
algorithms(<<"ecdsa-sha2-nistp521">>) -> ['ecdsa-sha2-nistp521'];
algorithms(_) -> [].

home(Names) ->
    filename:join([home() | Names]).

home() ->
    case init:get_argument(home) of
        {ok, [[Home | _] | _]} -> Home;
        _ -> "/"
    end.

%% Where `sshrpc keygen' puts keys.
own_directory() ->
    case os:getenv("XDG_CONFIG_HOME") of
        [$/ | _] = Directory -> filename:join(Directory, "sshrpc");
        _ -> home([".config", "sshrpc"])
    end.
