%% How connections are made, shared, lost and made anew.
-module(sshrpc_connection_tests).

-include_lib("eunit/include/eunit.hrl").

connections_test_() ->
    {foreach, fun start/0, fun stop/1, [
        fun(Directory) -> {timeout, 60, {Name, fun() -> Test(Directory) end}} end
     || {Name, Test} <- [
            {"multicall over three nodes, one of which is down", fun multicall/1},
            {"a connection is made anew after the node has started again", fun again/1},
            {"what is under way when the node dies is nodedown", fun lost/1},
            {"a connection that is closed is nodedown, and the next call opens another", fun close/1},
            {"a host that is not known is refused, and the error says so", fun unknown/1},
            {"a host with another key than the known one is refused, and the error says so", fun changed/1},
            {"the first key of a new host may be accepted, and no second one", fun accept_new/1},
            {"a host is known by its fingerprint", fun fingerprint/1},
            {"a user whom the node does not know is refused, and the error says so", fun stranger/1},
            {"an SSH server that is no node", fun no_node/1},
            {"a node that does not answer is lost", fun silent/1},
            {"a connection has a name, and nobody else's", fun names/1},
            {"OpenSSH carries a connection", fun openssh/1},
            {"a program that cannot carry one says why", fun program/1},
            {"an answer with a new atom is refused where that is wanted", fun atoms/1}
        ]
    ]}.

start() ->
    sshrpc_test_node:directory().

stop(Directory) ->
    _ = application:stop(sshrpc),
    sshrpc_test_node:remove(Directory).

with(Started, Body) ->
    try
        Body(Started)
    after
        sshrpc_test_node:stop(Started)
    end.

multicall(Directory) ->
    with(sshrpc_test_node:start(Directory, []), fun(First) ->
    with(sshrpc_test_node:start(Directory, []), fun(Second) ->
        [One, Two] = [sshrpc_test_node:address(Node) || Node <- [First, Second]],
        Down = {"127.0.0.1", 1, #{user_dir => Directory}},
        ?assertEqual({[[1, 2], [1, 2]], [Down]}, sshrpc:multicall([One, Down, Two], lists, seq, [1, 2])),
        ?assertEqual({[], [One, Down, Two]}, sshrpc:multicall([One, Down, Two], timer, sleep, [infinity], 100)),
        Failed = {badrpc, {'EXIT', why}},
        ?assertEqual({[Failed, Failed], [Down]}, sshrpc:multicall([One, Down, Two], erlang, exit, [why])),
        ?assertEqual({[], []}, sshrpc:multicall([], lists, seq, [1, 2]))
    end)
    end).

again(Directory) ->
    First = #{port := Port} = sshrpc_test_node:start(Directory, []),
    Node = sshrpc_test_node:address(First),
    {ok, Connection} = sshrpc:connect(Node),
    ?assertEqual([1, 2], sshrpc:call(Node, lists, seq, [1, 2])),
    sshrpc_test_node:stop(First),
    ?assertEqual({badrpc, nodedown}, sshrpc:call(Node, lists, seq, [1, 2])),
    ?assertEqual(pang, sshrpc:ping(Connection)),
    with(sshrpc_test_node:start_in(Directory, Port, []), fun(_Second) ->
        ?assertEqual([1, 2], sshrpc:call(Node, lists, seq, [1, 2])),
        ?assertEqual({ok, Connection}, sshrpc:connect(Node)),
        ?assertEqual(pong, sshrpc:ping(Connection))
    end).

lost(Directory) ->
    Started = sshrpc_test_node:start(Directory, []),
    Node = sshrpc_test_node:address(Started),
    Key = sshrpc:async_call(Node, timer, sleep, [infinity]),
    pong = sshrpc:ping(Node),
    sshrpc_test_node:stop(Started),
    ?assertEqual({badrpc, nodedown}, sshrpc:yield(Key)).

close(Directory) ->
    with(sshrpc_test_node:start(Directory, []), fun(Started) ->
        Node = sshrpc_test_node:address(Started),
        Key = sshrpc:async_call(Node, timer, sleep, [infinity]),
        {ok, Connection} = sshrpc:connect(Node),
        ?assertMatch(#{state := open, protocol := extended, name := nonode@nohost}, sshrpc:info(Node)),
        ok = sshrpc:close(Node),
        ?assertEqual({badrpc, nodedown}, sshrpc:yield(Key)),
        ?assertEqual(#{state => closed}, sshrpc:info(Node)),
        %% What is no connection, or none any more, is not waited for.
        ?assertEqual({badrpc, nodedown}, sshrpc:call(Connection, lists, seq, [1, 2])),
        ?assertEqual({badrpc, nodedown}, sshrpc:call(self(), lists, seq, [1, 2])),
        ?assertEqual({error, closed}, sshrpc:connect(self())),
        ?assertEqual([1, 2], sshrpc:call(Node, lists, seq, [1, 2]))
    end).

unknown(Directory) ->
    with(sshrpc_test_node:start_in(Directory, 0, []), fun(Started) ->
        Node = sshrpc_test_node:address(Started),
        {error, {host_key, {unknown, "SHA256:" ++ _ = Fingerprint, File}} = Reason} = sshrpc:connect(Node),
        ?assertEqual(filename:join(Directory, "known_hosts"), File),
        ?assertNotEqual(nomatch, string:find(sshrpc:format_error(Reason), "the host is not known: its key is " ++ Fingerprint)),
        ?assertEqual({badrpc, nodedown}, sshrpc:call(Node, lists, seq, [1, 2]))
    end).

changed(Directory) ->
    Other = sshrpc_test_node:directory(),
    with(sshrpc_test_node:start(Directory, []), fun(Started = #{port := Port}) ->
        {ok, Public} = file:read_file(filename:join(Other, "host.pub")),
        [Type, Key | _] = string:lexemes(Public, " \n"),
        Known = filename:join(Directory, "known_hosts"),
        ok = file:delete(Known),
        ok = sshrpc_known_hosts:add(Known, "127.0.0.1", Port, {Type, Key}),
        [
            begin
                Node = sshrpc_test_node:address(Started, #{host_key => Policy}),
                {error, {host_key, {changed, _, _}} = Reason} = sshrpc:connect(Node),
                ?assertNotEqual(nomatch, string:find(sshrpc:format_error(Reason), "another key than the one in"))
            end
         || Policy <- [known, accept_new]
        ]
    end),
    sshrpc_test_node:remove(Other).

accept_new(Directory) ->
    with(sshrpc_test_node:start_in(Directory, 0, []), fun(Started) ->
        Place = fun(Policy) -> sshrpc_test_node:address(Started, #{host_key => Policy}) end,
        {error, {host_key, {unknown, _, _}}} = sshrpc:connect(Place(known)),
        {ok, _} = sshrpc:connect(Place(accept_new)),
        {ok, _} = sshrpc:connect(Place(known))
    end).

fingerprint(Directory) ->
    with(sshrpc_test_node:start_in(Directory, 0, []), fun(Started) ->
        Place = fun(Policy) -> sshrpc_test_node:address(Started, #{host_key => Policy}) end,
        {error, {host_key, {unknown, Fingerprint, _}}} = sshrpc:connect(Place(known)),
        {ok, _} = sshrpc:connect(Place({fingerprint, Fingerprint})),
        {error, {host_key, {{other_than, "SHA256:no"}, Fingerprint, _}}} =
            sshrpc:connect(Place({fingerprint, "SHA256:no"}))
    end).

stranger(Directory) ->
    with(sshrpc_test_node:start(Directory, []), fun(Started) ->
        sshrpc_test_node:key(filename:join(Directory, "other")),
        ok = file:rename(filename:join(Directory, "other"), filename:join(Directory, "id_ed25519")),
        {error, {ssh, _} = Reason} = sshrpc:connect(sshrpc_test_node:address(Started)),
        ?assertNotEqual(nomatch, string:find(sshrpc:format_error(Reason), "authorized_keys"))
    end).

no_node(Directory) ->
    with(sshrpc_test_node:other_server(Directory), fun(Server) ->
        {error, no_subsystem} = sshrpc:connect(sshrpc_test_node:address(Server)),
        {error, {network, econnrefused}} = sshrpc:connect({"127.0.0.1", 1, #{user_dir => Directory}})
    end).

silent(Directory) ->
    with(sshrpc_test_node:start(Directory, []), fun(Started) ->
        Node = sshrpc_test_node:address(Started, #{keepalive => 1000}),
        Key = sshrpc:async_call(Node, timer, sleep, [infinity]),
        pong = sshrpc:ping(Node),
        sshrpc_test_node:signal("STOP", Started),
        ?assertEqual({badrpc, nodedown}, sshrpc:yield(Key)),
        sshrpc_test_node:signal("CONT", Started),
        ?assertEqual([1, 2], sshrpc:call(Node, lists, seq, [1, 2]))
    end).

names(Directory) ->
    with(sshrpc_test_node:start(Directory, []), fun(Started = #{port := Port}) ->
        {_, _, Options} = sshrpc_test_node:address(Started),
        ?assertEqual({error, {no_name, prod}}, sshrpc:connect(prod)),
        {ok, Connection} = sshrpc:connect({"127.0.0.1", Port}, Options#{name => prod}),
        ?assertEqual([1, 2], sshrpc:call(prod, lists, seq, [1, 2])),
        ?assertEqual({ok, Connection}, sshrpc:connect(prod)),
        ?assertEqual({ok, Connection}, sshrpc:connect({"127.0.0.1", Port}, Options#{name => prod})),
        ?assertEqual({error, {name_in_use, prod}}, sshrpc:connect({"127.0.0.1", 1}, Options#{name => prod})),
        ok = sshrpc:close(prod),
        ?assertEqual({error, {no_name, prod}}, sshrpc:connect(prod))
    end).

openssh(Directory) ->
    with(sshrpc_test_node:start(Directory, []), fun(#{port := Port}) ->
        Key = filename:join(Directory, "id_ed25519"),
        Known = filename:join(Directory, "known_hosts"),
        Words =
            ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" ++ Known] ++
                ["-i", Key, "-p", integer_to_list(Port), "-s", "127.0.0.1", "sshrpc@k2r.org"],
        {ok, Node} = sshrpc:connect({"127.0.0.1", Port, #{transport => {program, Words}}}),
        ?assertMatch(#{protocol := extended}, sshrpc:info(Node)),
        ?assertEqual([1, 2], sshrpc:call(Node, lists, seq, [1, 2])),
        Octets = binary:copy(<<"0123456789abcdef">>, 1 bsl 20),
        ?assert(Octets =:= sshrpc:call(Node, sshrpc, echo, [Octets]))
    end).

program(_Directory) ->
    ?assertEqual({error, {no_program, "no-such-program"}}, carried(["no-such-program"])),
    ?assertMatch({error, {closed, "the program that carried it ended with status 3" ++ _}}, carried(["sh", "-c", "exit 3"])),
    ?assertMatch({error, {protocol, {frame_too_long, _}}}, carried(["echo", "this is no node"])),
    ?assertMatch({error, {bad_option, {user, _}}}, sshrpc:connect("h", #{transport => {program, ["cat"]}, user => "a"})),
    ?assertMatch(
        {error, {bad_option, {host_key, _}}},
        sshrpc:connect("h", #{transport => openssh, host_key => {fingerprint, "SHA256:x"}})
    ).

carried(Words) ->
    sshrpc:connect({"127.0.0.1", 1, #{transport => {program, Words}}}).

atoms(Directory) ->
    with(sshrpc_test_node:start(Directory, []), fun(Started) ->
        Node = sshrpc_test_node:address(Started, #{atoms => existing}),
        Strange = <<108, 1:32, 119, 20, "nobody_has_this_atom", 106>>,
        Echo = [<<104, 3>>, sshrpc_message:element_of(sshrpc), sshrpc_message:element_of(echo), Strange],
        Call = sshrpc_call:begin_request(Node, {call, [Echo, sshrpc_message:element_of(#{})]}),
        ?assertEqual({ok, {error, bad_answer, []}}, sshrpc_call:await(Call, infinity)),
        ?assertEqual([1, 2], sshrpc:call(Node, lists, seq, [1, 2]))
    end).
