%% Calls of a node that speaks only the original protocol: that of 2010, on Erlang's own ssh.
-module(sshrpc_plain_tests).

-include_lib("eunit/include/eunit.hrl").

plain_test_() ->
    {setup, fun start/0, fun stop/1, fun(Node) ->
        [
            {timeout, 60, {Name, fun() -> Test(sshrpc_test_node:address(Node)) end}}
         || {Name, Test} <- [
                {"a node that knows no hello is called in the original protocol", fun calls/1},
                {"failures keep as much of their class as there is", fun failures/1},
                {"many calls, answered one after the other", fun many/1},
                {"16 MiB there and back", fun large/1},
                {"a call whose time has passed is answered to nobody", fun late/1},
                {"a cast is a call whose answer is dropped", fun cast/1},
                {"what the original protocol does not have is notsup", fun lacking/1}
            ]
        ]
    end}.

start() ->
    sshrpc_test_node:original(sshrpc_test_node:directory()).

stop(Node = #{directory := Directory}) ->
    ok = application:stop(sshrpc),
    sshrpc_test_node:stop(Node),
    sshrpc_test_node:remove(Directory).

calls(Node) ->
    ?assertEqual([3, 2, 1], sshrpc:call(Node, lists, reverse, [[1, 2, 3]])),
    ?assertEqual({[[1], [1]], ["127.0.0.1:1"]}, sshrpc:multicall([Node, "127.0.0.1:1", Node], lists, seq, [1, 1])),
    ?assertEqual(pong, sshrpc:ping(Node)),
    ?assertMatch(#{state := open, protocol := plain}, sshrpc:info(Node)).

failures(Node) ->
    ?assertEqual(ball, sshrpc:call(Node, erlang, throw, [ball])),
    ?assertEqual({badrpc, {'EXIT', why}}, sshrpc:call(Node, erlang, exit, [why])),
    ?assertMatch({badrpc, {'EXIT', {badarith, [{erlang, '/', _, _} | _]}}}, sshrpc:call(Node, erlang, '/', [1, 0])),
    ?assertExit({exception, why}, sshrpc_erpc:call(Node, erlang, exit, [why])),
    ?assertError({exception, badarith, [_ | _]}, sshrpc_erpc:call(Node, erlang, '/', [1, 0])),
    ?assertError({exception, undef, [{nomod, f, [], []} | _]}, sshrpc_erpc:call(Node, nomod, f, [])).

many(Node) ->
    Keys = [sshrpc:async_call(Node, erlang, abs, [-Number]) || Number <- lists:seq(1, 1000)],
    ?assertEqual(lists:seq(1, 1000), [sshrpc:yield(Key) || Key <- Keys]).

large(Node) ->
    Octets = binary:copy(<<"0123456789abcdef">>, 1 bsl 20),
    ?assert(Octets =:= sshrpc:call(Node, binary, copy, [Octets])).

late(Node) ->
    Self = self(),
    ?assertEqual({badrpc, timeout}, sshrpc:call(Node, erlang, apply, [fun() -> block(Self) end, []], 100)),
    receive
        {blocked, Pid} -> Pid ! go
    end,
    ?assertEqual([1, 2], sshrpc:call(Node, lists, seq, [1, 2])).

%% This node and that one are one: closures, and processes, are the same on both.
block(Test) ->
    Test ! {blocked, self()},
    receive
        go -> late
    end.

cast(Node) ->
    Self = self(),
    true = sshrpc:cast(Node, erlang, send, [Self, hello]),
    receive
        hello -> ok
    end.

lacking(Node) ->
    ?assertEqual({badrpc, notsup}, sshrpc:send(Node, nobody, hello)),
    ?assertEqual({badrpc, notsup}, sshrpc:mailbox(Node)),
    Monitor = sshrpc:monitor(Node, nobody),
    receive
        {'DOWN', Monitor, process, {nobody, Node}, notsup} -> ok
    end.
