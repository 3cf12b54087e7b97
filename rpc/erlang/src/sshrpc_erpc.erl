%% @doc The same calls as in {@link sshrpc}, with failures raised as {@link //kernel/erpc} does: what a function throws is thrown
%% here, its exit is `exit:{exception, Reason}', its error `error:{exception, Reason, Stack}', and what became of the call
%% itself `error:{erpc, Reason}' with `noconnection', `timeout', `notsup' (the node's access rules deny it), `system_limit', `badarg'.
-module(sshrpc_erpc).

-export([call/4, call/5, cast/4, multicall/4, multicall/5, multicast/4]).
-export([send_request/4, receive_response/1, receive_response/2, wait_response/1, wait_response/2]).
-export_type([request_id/0]).

-type request_id() :: sshrpc_call:call().
%% A call that {@link send_request/4} began.

%% @equiv call(Node, Module, Function, Args, infinity)
-spec call(sshrpc:node_name(), module(), atom(), [term()]) -> term().
call(Node, Module, Function, Args) ->
    call(Node, Module, Function, Args, infinity).

%% @doc Calls a function on a node. When the time (in milliseconds) has passed the node stops it.
-spec call(sshrpc:node_name(), module(), atom(), [term()], timeout()) -> term().
call(Node, Module, Function, Args, Timeout) ->
    [Outcome] = sshrpc_call:all([Node], Module, Function, Args, Timeout),
    sshrpc_outcome:as_erpc(Outcome).

%% @doc Calls a function and does not ask what becomes of it.
-spec cast(sshrpc:node_name(), module(), atom(), [term()]) -> ok.
cast(Node, Module, Function, Args) ->
    true = sshrpc:cast(Node, Module, Function, Args),
    ok.

%% @equiv multicall(Nodes, Module, Function, Args, infinity)
-spec multicall([sshrpc:node_name()], module(), atom(), [term()]) -> [{ok | throw | exit | error, term()}].
multicall(Nodes, Module, Function, Args) ->
    multicall(Nodes, Module, Function, Args, infinity).

%% @doc Calls a function on many nodes at once: for each, in their order, `{ok, Value}' or the class and the reason.
-spec multicall([sshrpc:node_name()], module(), atom(), [term()], timeout()) -> [{ok | throw | exit | error, term()}].
multicall(Nodes, Module, Function, Args, Timeout) ->
    [sshrpc_outcome:as_result(Outcome) || Outcome <- sshrpc_call:all(Nodes, Module, Function, Args, Timeout)].

%% @doc Casts on many nodes.
-spec multicast([sshrpc:node_name()], module(), atom(), [term()]) -> ok.
multicast(Nodes, Module, Function, Args) ->
    Casts = [sshrpc_call:begin_cast(Node, Module, Function, Args) || Node <- Nodes],
    lists:foreach(fun(Cast) -> sshrpc_call:await(Cast, infinity) end, Casts).

%% @doc Begins a call. Its response is for this process alone.
-spec send_request(sshrpc:node_name(), module(), atom(), [term()]) -> request_id().
send_request(Node, Module, Function, Args) ->
    sshrpc_call:begin_call(Node, Module, Function, Args, infinity).

%% @equiv receive_response(Request, infinity)
-spec receive_response(request_id()) -> term().
receive_response(Request) ->
    receive_response(Request, infinity).

%% @doc Waits for the response. When the time has passed the call is given up, and the node stops it.
-spec receive_response(request_id(), timeout()) -> term().
receive_response(Request, Timeout) ->
    case sshrpc_call:await(Request, Timeout) of
        {ok, Outcome} -> sshrpc_outcome:as_erpc(Outcome);
        timeout ->
            sshrpc_call:cancel(Request),
            error({erpc, timeout})
    end.

%% @equiv wait_response(Request, 0)
-spec wait_response(request_id()) -> {response, term()} | no_response.
wait_response(Request) ->
    wait_response(Request, 0).

%% @doc Waits for the response. When the time has passed the call goes on.
-spec wait_response(request_id(), timeout()) -> {response, term()} | no_response.
wait_response(Request, Timeout) ->
    case sshrpc_call:await(Request, Timeout) of
        {ok, Outcome} -> {response, sshrpc_outcome:as_erpc(Outcome)};
        timeout -> no_response
    end.
