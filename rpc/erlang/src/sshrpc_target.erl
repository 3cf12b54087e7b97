%% @private How nodes are named: `"[user@]host[:port]"', `{Host, Port}', `{Host, Port, Options}', the name or the process of a
%% connection.
-module(sshrpc_target).

-export([read/1, read/2, format/1]).
-export_type([target/0]).

%% Where a node is and how it is reached. Equal targets share a connection.
-type target() :: #{
    host := string(),
    port := inet:port_number() | default,
    user := string() | default,
    user_dir := string() | default,
    host_key := known | accept_new | {fingerprint, string()},
    transport := ssh | openssh | {program, [string()]},
    connect_timeout := pos_integer(),
    keepalive := pos_integer() | infinity,
    atoms := all | existing,
    max_message := pos_integer(),
    ssh := [ssh:client_option()]
}.

-spec read(sshrpc:node_name()) -> {ok, target() | atom() | pid()} | {error, sshrpc:reason()}.
read(Name) when is_atom(Name) -> {ok, Name};
read(Pid) when is_pid(Pid) -> {ok, Pid};
read({Host, Port}) -> read({Host, Port, #{}});
read({Host, Port, Options}) ->
    case host(Host) of
        {ok, Text} when is_integer(Port), Port > 0, Port < 65536 ->
            with_options(Options, #{host => Text, port => Port, user => default});
        {ok, _} ->
            {error, {bad_node, {Host, Port}, "the port is no port"}};
        error ->
            {error, {bad_node, {Host, Port}, "there is no host"}}
    end;
read(Text) when is_list(Text); is_binary(Text) -> read(Text, #{});
read(Other) -> {error, {bad_node, Other, "a node is \"user@host:port\", {Host, Port}, {Host, Port, Options} or a connection"}}.

-spec read(sshrpc:node_name(), sshrpc:options()) -> {ok, target() | atom() | pid()} | {error, sshrpc:reason()}.
read({Host, Port}, Options) ->
    read({Host, Port, Options});
read({Host, Port, _} = Node, Options) ->
    %% Said twice, in two places.
    case Options =:= #{} orelse Options =:= [] of
        true -> read(Node);
        false -> {error, {bad_node, {Host, Port}, "its options stand in two places"}}
    end;
read(Name, _Options) when is_atom(Name); is_pid(Name) ->
    read(Name);
read(Text, Options) when is_list(Text); is_binary(Text) ->
    try unicode:characters_to_list(Text) of
        Characters when is_list(Characters) ->
            case parse(Characters) of
                {ok, Place} -> with_options(Options, Place);
                {error, Why} -> {error, {bad_node, Text, Why}}
            end;
        _ ->
            {error, {bad_node, Text, "it is no text"}}
    catch
        error:badarg -> {error, {bad_node, Text, "it is no text"}}
    end;
read(Other, _Options) ->
    read(Other).

%% As `ssh' writes it, with the port behind a colon.
-spec format(target()) -> string().
format(#{host := Host, port := Port, user := User}) ->
    Named =
        case lists:member($:, Host) of
            true -> "[" ++ Host ++ "]";
            false -> Host
        end,
    Before =
        case User of
            default -> "";
            _ -> User ++ "@"
        end,
    case Port of
        default -> Before ++ Named;
        _ -> Before ++ Named ++ ":" ++ integer_to_list(Port)
    end.

parse(Text) ->
    {User, Rest} =
        case string:split(Text, "@", trailing) of
            [Before, After] -> {Before, After};
            [_] -> {default, Text}
        end,
    {Host, Port} = host_and_port(Rest),
    Strange = fun(Character) -> Character =< $\s orelse Character =:= 16#7f end,
    if
        User =:= "" -> {error, "there is no user before the @"};
        Host =:= "" -> {error, "there is no host"};
        Port =:= error -> {error, "the port is no port"};
        hd(Host) =:= $- -> {error, "no host begins with a -"};
        true ->
            case lists:any(Strange, Text) of
                true -> {error, "it has characters that no host and no user has"};
                false -> {ok, #{host => Host, port => Port, user => User}}
            end
    end.

host_and_port([$[ | Bracketed]) ->
    case string:split(Bracketed, "]") of
        [Host, ":" ++ Port] -> {Host, port(Port)};
        [Host, ""] -> {Host, default};
        _ -> {Bracketed, error}
    end;
host_and_port(Rest) ->
    case string:split(Rest, ":", all) of
        [Host] -> {Host, default};
        [Host, Port] -> {Host, port(Port)};
        %% More than one colon without brackets: an IPv6 address.
        _ -> {Rest, default}
    end.

port(Text) ->
    case string:to_integer(Text) of
        {Port, ""} when Port > 0, Port < 65536 -> Port;
        _ -> error
    end.

host(Host) when is_tuple(Host) ->
    case inet:ntoa(Host) of
        {error, einval} -> error;
        Text -> {ok, Text}
    end;
host(Host) when is_atom(Host) -> {ok, atom_to_list(Host)};
host(Host) when is_binary(Host), Host =/= <<>> -> host(binary_to_list(Host));
host([First | _] = Host) when First =/= $- ->
    case io_lib:char_list(Host) of
        true -> {ok, Host};
        false -> error
    end;
host(_) -> error.

with_options(Options, Place) when is_list(Options) ->
    try
        with_options(maps:from_list(proplists:unfold(Options)), Place)
    catch
        error:badarg -> {error, {bad_option, Options}}
    end;
with_options(Options, Place) when is_map(Options) ->
    %% A name is the connection's, not the node's.
    Given = maps:to_list(maps:remove(name, Options)),
    Transport = maps:get(transport, Options, ssh),
    case [Option || Option <- Given, not (valid(Option) andalso is_kept(Option, Transport))] of
        [] -> {ok, maps:merge(maps:merge(defaults(), Place), maps:from_list(Given))};
        [Bad | _] -> {error, {bad_option, Bad}}
    end;
with_options(Options, _Place) ->
    {error, {bad_option, Options}}.

defaults() ->
    #{
        user_dir => default,
        host_key => known,
        transport => ssh,
        connect_timeout => 10000,
        keepalive => 30000,
        atoms => all,
        max_message => sshrpc_inbound:default_message(),
        ssh => []
    }.

valid({user, User}) -> is_text(User);
valid({user_dir, Directory}) -> is_text(Directory);
valid({host_key, known}) -> true;
valid({host_key, accept_new}) -> true;
valid({host_key, {fingerprint, Text}}) -> is_text(Text);
valid({transport, ssh}) -> true;
valid({transport, openssh}) -> true;
valid({transport, {program, [_ | _] = Words}}) -> lists:all(fun is_text/1, Words);
valid({connect_timeout, Time}) -> is_integer(Time) andalso Time > 0 andalso Time < 16#100000000;
valid({keepalive, infinity}) -> true;
valid({keepalive, Time}) -> is_integer(Time) andalso Time > 0 andalso Time < 16#100000000;
valid({atoms, Which}) -> Which =:= all orelse Which =:= existing;
valid({max_message, Octets}) -> is_integer(Octets) andalso Octets >= 65536 andalso Octets < 16#100000000;
valid({ssh, Options}) -> is_list(Options);
valid(_) -> false.

%% Whether this is what decides: nobody shall think that a key is checked which is not.
is_kept(_Option, ssh) -> true;
is_kept({host_key, Policy}, openssh) -> not is_tuple(Policy);
is_kept({Key, _Value}, openssh) -> not lists:member(Key, [user_dir, ssh]);
is_kept({Key, _Value}, _Program) -> not lists:member(Key, [user, host_key, user_dir, ssh]).

is_text(Text) -> is_list(Text) andalso Text =/= "" andalso io_lib:char_list(Text).
