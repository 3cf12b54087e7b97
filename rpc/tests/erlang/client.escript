#!/usr/bin/env escript
%% Connects to a node, evaluates an expression in which Cm is the connection, and prints its value.
%%! -noinput +S 1 +sbwt none
main([Modules, Port, Directory, Options, Expression]) ->
    true = code:add_patha(Modules),
    %% It would write between what is printed.
    ok = logger:remove_handler(default),
    Known = [{user_dir, Directory}, {user, "alice"}, {save_accepted_host, false}],
    case rpc_peer_client:connect("127.0.0.1", list_to_integer(Port), Known ++ value(Options, [])) of
        {ok, Cm} -> io:format("~0tp~n", [value(Expression, [{'Cm', Cm}])]);
        Error -> io:format("~0tp~n", [Error])
    end.

value(Text, Bindings) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "."),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    {value, Value, _} = erl_eval:exprs(Expressions, Bindings),
    Value.
