%% Runs all tests, or those of the modules that are named behind `-extra', and says how it went by its exit status.
-module(sshrpc_test).

-export([main/0]).

main() ->
    %% What a connection that is lost writes to the log belongs between no results.
    ok = logger:set_primary_config(level, error),
    Named = [list_to_atom(Name) || Name <- init:get_plain_arguments()],
    All = [list_to_atom(filename:basename(File, ".beam")) || File <- filelib:wildcard(here("*_tests.beam"))],
    case eunit:test(case Named of [] -> All; _ -> Named end, [verbose]) of
        ok -> halt(0);
        error -> halt(1)
    end.

here(Name) ->
    filename:join(filename:dirname(code:which(?MODULE)), Name).
