#!/usr/bin/env escript
%% A node on Erlang's ssh application: says on which port, and runs until its input ends.
%%! +S 2 +sbwt none
main([Modules, Directory, Options]) ->
    true = code:add_patha(Modules),
    {ok, Tokens, _} = erl_scan:string(Options ++ "."),
    {ok, More} = erl_parse:parse_term(Tokens),
    {ok, Daemon} = rpc_peer_server:daemon({127, 0, 0, 1}, 0, Directory, #{ssh => More, max => 256 * 1024 * 1024}),
    {ok, Info} = ssh:daemon_info(Daemon),
    io:format("port ~b~n", [proplists:get_value(port, Info)]),
    eof = io:get_line("").
