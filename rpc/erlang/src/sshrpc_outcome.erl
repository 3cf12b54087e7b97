%% @private How calls end, and how `rpc' and `erpc' say it.
-module(sshrpc_outcome).

-export([read/1, as_rpc/1, as_erpc/1, as_result/1, machinery/1]).
-export_type([outcome/0]).

-type outcome() ::
    {return, term()} | {throw, term()} | {exit, term()} | {error, Reason :: term(), Stack :: term()}.

%% What came for a request.
-spec read(sshrpc_connection:result()) -> outcome().
read(sent) -> {return, ok};
read({failed, Failure}) -> machinery(Failure);
read({Protocol, Octets, Atoms}) ->
    case {Protocol, sshrpc_message:decode(Octets, Atoms)} of
        {extended, {ok, {answer, _Id, Outcome}}} -> extended(Outcome);
        {plain, {ok, {answer, {Value, 0}}}} -> {return, Value};
        {plain, {ok, {answer, {Failure, -1}}}} -> plain(Failure);
        _ -> {error, bad_answer, []}
    end.

%% What the machinery around a function reports.
-spec machinery(atom()) -> outcome().
machinery(Reason) -> {error, {erpc, Reason}, []}.

%% As `rpc:call' returns it.
-spec as_rpc(outcome()) -> term() | {badrpc, term()}.
as_rpc({return, {'EXIT', _} = Exit}) -> {badrpc, Exit};
as_rpc({return, Value}) -> Value;
as_rpc({throw, Value}) -> Value;
as_rpc({exit, Reason}) -> {badrpc, {'EXIT', Reason}};
as_rpc({error, {erpc, noconnection}, []}) -> {badrpc, nodedown};
as_rpc({error, {erpc, timeout}, []}) -> {badrpc, timeout};
as_rpc({error, {erpc, notsup}, []}) -> {badrpc, notsup};
as_rpc({error, {erpc, Reason}, []}) -> {badrpc, {'EXIT', Reason}};
as_rpc({error, Reason, Stack}) -> {badrpc, {'EXIT', {Reason, Stack}}}.

%% As `erpc:call' returns or raises it.
-spec as_erpc(outcome()) -> term().
as_erpc(Outcome) ->
    case as_result(Outcome) of
        {ok, Value} -> Value;
        {throw, Value} -> throw(Value);
        {exit, Reason} -> exit(Reason);
        {error, Reason} -> error(Reason)
    end.

%% As an element of what `erpc:multicall' returns.
-spec as_result(outcome()) -> {ok | throw | exit | error, term()}.
as_result({return, Value}) -> {ok, Value};
as_result({throw, Value}) -> {throw, Value};
as_result({exit, Reason}) -> {exit, {exception, Reason}};
as_result({error, {erpc, _} = Reason, []}) -> {error, Reason};
as_result({error, Reason, Stack}) -> {error, {exception, Reason, Stack}}.

extended({return, _} = Outcome) -> Outcome;
extended({throw, _} = Outcome) -> Outcome;
extended({exit, _} = Outcome) -> Outcome;
extended({error, Reason, Stack}) -> failed(Reason, Stack);
extended(_) -> {error, bad_answer, []}.

%% To plain clients an exit and an error look much alike: a pair with a stack in it is taken for an error.
plain({exec_badrpc, {'EXIT', {Reason, [Frame | _] = Stack}}}) when is_tuple(Frame), tuple_size(Frame) >= 3 ->
    failed(Reason, Stack);
plain({exec_badrpc, {'EXIT', {{erpc, Reason}, []}}}) ->
    machinery(Reason);
plain({exec_badrpc, {'EXIT', Reason}}) ->
    {exit, Reason};
plain({exec_error, _Unknown}) ->
    machinery(notsup);
plain(Other) ->
    {exit, Other}.

failed(Reason, Stack) ->
    case is_machinery(Reason, Stack) of
        true -> {error, Reason, []};
        false -> {error, Reason, Stack}
    end.

%% Whether an error is of the machinery around a function, and not the function's own: its stack says at most what was called.
is_machinery({erpc, Reason}, Stack) when is_atom(Reason) ->
    case Stack of
        [] -> true;
        [{_Module, _Function, Arity, []}] -> is_integer(Arity);
        _ -> false
    end;
is_machinery(_Reason, _Stack) ->
    false.
