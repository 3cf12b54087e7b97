%% @doc Erlang remote procedure calls over SSH.
%%
%% The functions of {@link //kernel/rpc} with nodes of sshrpc in place of Erlang's nodes: no cookie, no mesh, one port,
%% and the access rules of the node. Results are those of `rpc': `{badrpc, nodedown}', `{badrpc, timeout}',
%% `{badrpc, {'EXIT', Reason}}'; {@link sshrpc_erpc} raises as `erpc' does.
%%
%% ```
%% 1> {ok, Node} = sshrpc:connect("alice@node.example:2222").
%% 2> sshrpc:call(Node, lists, reverse, [[1,2,3]]).
%% [3,2,1]
%% '''
%%
%% A connection is made by the first who needs it, shared by all processes that name the node in the same way, and made
%% anew after it was lost; many calls are under way on it at once. A call whose time has passed, or whose caller has
%% ended, is cancelled: the node stops it. A node that speaks only the original protocol executes one call after the other,
%% and stops none.
%%
%% Who calls a node trusts it: terms that it sends may have any atoms, unless the option `atoms' says otherwise.
-module(sshrpc).

-export([connect/1, connect/2, close/1, ping/1, info/1]).
-export([call/4, call/5, async_call/4, yield/1, nb_yield/1, nb_yield/2, cast/4, multicall/4, multicall/5]).
-export([send/3, monitor/2, demonitor/2, mailbox/1, close_mailbox/2]).
-export([format_error/1]).
-export_type([node_name/0, options/0, reason/0, destination/0, key/0]).

-type node_name() ::
    string()
    | binary()
    | {inet:hostname() | inet:ip_address() | binary(), inet:port_number()}
    | {inet:hostname() | inet:ip_address() | binary(), inet:port_number(), options()}
    | atom()
    | pid().
%% `"[user@]host[:port]"', where the port is 22 unless said; the same as a tuple, with options; the name of a connection, or
%% what {@link connect/2} gave.

-type options() ::
    #{
        user => string(),
        name => atom(),
        user_dir => file:filename(),
        host_key => known | accept_new | {fingerprint, string()},
        transport => ssh | openssh | {program, [string()]},
        connect_timeout => pos_integer(),
        keepalive => pos_integer() | infinity,
        atoms => all | existing,
        max_message => pos_integer(),
        ssh => [ssh:client_option()]
    }
    | [{atom(), term()}].
%% <dl>
%% <dt>`user'</dt><dd>Whom to log in as; by default whoever runs Erlang.</dd>
%% <dt>`name'</dt><dd>Under which atom the connection is known besides. For {@link connect/2} alone.</dd>
%% <dt>`user_dir'</dt><dd>Where keys (`id_ed25519', `id_ecdsa', `id_rsa', without a passphrase) and `known_hosts' are. By default
%%   keys are those of `sshrpc keygen' and of `~/.ssh', hosts those of `~/.ssh'.</dd>
%% <dt>`host_key'</dt><dd>`known' (the default): a key from known_hosts. `accept_new': or the first key of a host that
%%   is not known, which is added there. `{fingerprint, "SHA256:..."}': this one.</dd>
%% <dt>`transport'</dt><dd>`ssh' (the default): Erlang's own ssh application. `openssh': the program `ssh', with what its user
%%   has configured: jump hosts, agents, certificates. `{program, [Program, Argument, ...]}': any program
%%   that carries the subsystem on its standard input and output.</dd>
%% <dt>`connect_timeout'</dt><dd>In milliseconds, until the connection is open; 10000 by default.</dd>
%% <dt>`keepalive'</dt><dd>After so many milliseconds of silence the node is asked whether it is there, and
%%   after as many more the connection is lost; 30000 by default.</dd>
%% <dt>`atoms'</dt><dd>`existing': an answer with an atom that does not exist here yet is the error `bad_answer'. `all' is the
%%   default, and what Erlang's distribution does.</dd>
%% <dt>`max_message'</dt><dd>The longest answer, in octets; 67109888 by default.</dd>
%% <dt>`ssh'</dt><dd>More options for `ssh:connect', which come before ours. Who names a `key_cb' decides about host keys
%%   there.</dd>
%% </dl>

-type reason() ::
    timeout
    | closed
    | no_subsystem
    | {closed, string()}
    | {network, atom()}
    | {ssh, string()}
    | {host_key, sshrpc_keys:refusal()}
    | {no_program, string()}
    | {protocol, sshrpc_session:reason()}
    | {bad_node, term(), string()}
    | {bad_option, term()}
    | {no_name, atom()}
    | {name_in_use, atom()}
    | {not_started, term()}.
%% Why there is no connection: {@link format_error/1} says it in words.

-type destination() :: atom() | pid().
%% A process of the node: its registered name, or a pid that came from there.

-type key() :: sshrpc_call:call().
%% A call that {@link async_call/4} began.

%% -- connections

%% @equiv connect(Node, #{})
-spec connect(node_name()) -> {ok, pid()} | {error, reason()}.
connect(Node) ->
    connect(Node, #{}).

%% @doc Connects to a node, or finds the connection that there is, and waits until it is open.
%%
%% Nobody has to: the functions below connect by themselves. But this one says why it cannot be done, and gives names.
-spec connect(node_name(), options()) -> {ok, pid()} | {error, reason()}.
connect(Node, Options) ->
    Named =
        case sshrpc_target:read(Node, Options) of
            {ok, Target} when is_map(Target) ->
                case application:ensure_all_started(sshrpc) of
                    {ok, _} -> sshrpc_registry:open(Target, name(Options));
                    {error, Reason} -> {error, {not_started, Reason}}
                end;
            {ok, _} -> sshrpc_call:connection(Node);
            {error, Reason} -> {error, Reason}
        end,
    case Named of
        {ok, Connection} ->
            case sshrpc_connection:connect(Connection) of
                {ok, _Protocol} -> {ok, Connection};
                {error, Why} -> {error, Why}
            end;
        {error, Why} ->
            {error, Why}
    end.

%% @doc Closes the connection. What is under way on it ends with `nodedown'. Whoever names the node next opens another.
-spec close(node_name()) -> ok.
close(Node) ->
    case find(Node) of
        {ok, Connection} ->
            sshrpc_connection:close(Connection),
            sshrpc_registry:forget(Connection);
        error ->
            ok
    end.

%% @doc Whether the node can be reached and answers, as `net_adm:ping'.
-spec ping(node_name()) -> pong | pang.
ping(Node) ->
    case connect(Node) of
        {ok, Connection} ->
            case sshrpc_call:await(sshrpc_call:begin_request(Connection, {ping, []}), infinity) of
                {ok, {return, pong}} -> pong;
                %% A plain node knows no ping: it has answered the hello.
                {ok, {error, {erpc, notsup}, []}} -> pong;
                _ -> pang
            end;
        {error, _} ->
            pang
    end.

%% @doc What is known of a node: `node' is where it is, `state' `open' or `closed', `protocol' `extended' or `plain',
%% `name' the name that an extended node has given itself.
-spec info(node_name()) -> #{atom() => term()}.
info(Node) ->
    case find(Node) of
        {ok, Connection} ->
            case sshrpc_connection:info(Connection) of
                {ok, Target, Protocol} -> maps:merge(#{node => sshrpc_target:format(Target)}, protocol(Protocol));
                error -> #{state => closed}
            end;
        error ->
            #{state => closed}
    end.

%% -- calls

%% @equiv call(Node, Module, Function, Args, infinity)
-spec call(node_name(), module(), atom(), [term()]) -> term() | {badrpc, term()}.
call(Node, Module, Function, Args) ->
    call(Node, Module, Function, Args, infinity).

%% @doc Calls a function on a node, as `rpc:call' does. When the time (in milliseconds) has passed the node stops it.
%%
%% `{badrpc, nodedown}': there is no connection, or it was lost, and then nobody knows whether the function was called.
%% `{badrpc, notsup}': the node's access rules deny it. `{badrpc, {'EXIT', system_limit}}': it is too much for the node or
%% too long.
%%
%% @throws badarg
-spec call(node_name(), module(), atom(), [term()], timeout()) -> term() | {badrpc, term()}.
call(Node, Module, Function, Args, Timeout) ->
    [Outcome] = sshrpc_call:all([Node], Module, Function, Args, Timeout),
    sshrpc_outcome:as_rpc(Outcome).

%% @doc Begins a call. Its result is for this process alone, by {@link yield/1} or {@link nb_yield/2}.
-spec async_call(node_name(), module(), atom(), [term()]) -> key().
async_call(Node, Module, Function, Args) ->
    sshrpc_call:begin_call(Node, Module, Function, Args, infinity).

%% @doc Waits for the result of a call.
-spec yield(key()) -> term() | {badrpc, term()}.
yield(Key) ->
    {value, Value} = nb_yield(Key, infinity),
    Value.

%% @equiv nb_yield(Key, 0)
-spec nb_yield(key()) -> {value, term()} | timeout.
nb_yield(Key) ->
    nb_yield(Key, 0).

%% @doc Waits so many milliseconds for the result of a call, which goes on after that.
-spec nb_yield(key(), timeout()) -> {value, term()} | timeout.
nb_yield(Key, Timeout) ->
    case sshrpc_call:await(Key, Timeout) of
        {ok, Outcome} -> {value, sshrpc_outcome:as_rpc(Outcome)};
        timeout -> timeout
    end.

%% @doc Calls a function and does not ask what becomes of it. Waits only until the call has left for the node.
-spec cast(node_name(), module(), atom(), [term()]) -> true.
cast(Node, Module, Function, Args) ->
    _ = sshrpc_call:await(sshrpc_call:begin_cast(Node, Module, Function, Args), infinity),
    true.

%% @equiv multicall(Nodes, Module, Function, Args, infinity)
-spec multicall([node_name()], module(), atom(), [term()]) -> {[term()], [node_name()]}.
multicall(Nodes, Module, Function, Args) ->
    multicall(Nodes, Module, Function, Args, infinity).

%% @doc Calls a function on many nodes at once: the results in the order of the nodes, without those that were not
%% reached or did not answer in time, and these nodes.
-spec multicall([node_name()], module(), atom(), [term()], timeout()) -> {[term()], [node_name()]}.
multicall(Nodes, Module, Function, Args, Timeout) ->
    Outcomes = lists:zip(Nodes, sshrpc_call:all(Nodes, Module, Function, Args, Timeout)),
    {Good, Bad} = lists:partition(fun({_Node, Outcome}) -> is_answered(Outcome) end, Outcomes),
    {[sshrpc_outcome:as_rpc(Outcome) || {_Node, Outcome} <- Good], [Node || {Node, _Outcome} <- Bad]}.

%% -- processes

%% @doc Sends a message to a process of the node. `ok' when the node has delivered it; messages from one process of ours to
%% one of the node's keep their order. A name that nobody has is `{badrpc, {'EXIT', {badarg, Stack}}}'.
-spec send(node_name(), destination(), term()) -> ok | {badrpc, term()}.
send(Node, To, Message) when is_atom(To); is_pid(To) ->
    Elements = [sshrpc_message:element_of(To), sshrpc_message:element_of(Message)],
    {ok, Outcome} = sshrpc_call:await(sshrpc_call:begin_request(Node, {send, Elements}), infinity),
    sshrpc_outcome:as_rpc(Outcome).

%% @doc Watches a process of the node. Once, there comes `{'DOWN', Monitor, process, {Name, Node} | Pid, Reason}', with the
%% reason `noconnection' when the connection is lost, and `notsup' from a node that cannot say.
-spec monitor(node_name(), destination()) -> reference().
monitor(Node, To) when is_atom(To); is_pid(To) ->
    case sshrpc_call:connection(Node) of
        {ok, Connection} ->
            Key = sshrpc_connection:watch(Connection, {monitor, [sshrpc_message:element_of(To)]}, To, Node),
            receive
                {Key, Result} -> watched(Key, sshrpc_outcome:read(Result), Node, To);
                {'DOWN', Key, process, _, _} -> down(Key, noconnection, Node, To)
            end;
        {error, {bad_node, _, _}} ->
            error(badarg);
        {error, {bad_option, _}} ->
            error(badarg);
        {error, _} ->
            down(make_ref(), noconnection, Node, To)
    end.

%% @doc Ends a watch: nothing comes of it any more, and what has come is taken back.
-spec demonitor(node_name(), reference()) -> true.
demonitor(Node, Monitor) ->
    case find(Node) of
        {ok, Connection} -> sshrpc_connection:unwatch(Connection, Monitor);
        error -> ok
    end,
    receive
        {'DOWN', Monitor, process, _, _} -> true
    after 0 -> true
    end.

%% @doc Makes a process of the node that stands for the calling one: its pid can be sent to others there, to answer to. What it
%% gets comes as `{sshrpc_mailbox, Mailbox, {message, Message}}'. When it ends otherwise than by {@link close_mailbox/2} there comes
%% `{sshrpc_mailbox, Mailbox, {closed, Reason}}', with the reason `noconnection' when the connection is lost. It ends with the
%% calling process.
-spec mailbox(node_name()) -> {ok, pid()} | {badrpc, term()}.
mailbox(Node) ->
    case sshrpc_call:connection(Node) of
        {ok, Connection} ->
            Key = sshrpc_connection:mailbox(Connection),
            receive
                {Key, Result} -> made(sshrpc_outcome:read(Result));
                {'DOWN', Key, process, _, _} -> {badrpc, nodedown}
            end;
        {error, {bad_node, _, _}} ->
            error(badarg);
        {error, {bad_option, _}} ->
            error(badarg);
        {error, _} ->
            {badrpc, nodedown}
    end.

%% @doc Ends a mailbox: nothing comes from there any more, and what has come is taken back.
-spec close_mailbox(node_name(), pid()) -> ok.
close_mailbox(Node, Mailbox) ->
    case find(Node) of
        {ok, Connection} -> sshrpc_connection:close_mailbox(Connection, Mailbox);
        error -> ok
    end,
    take_back(Mailbox).

%% -- words

%% @doc Why there is no connection, in words.
-spec format_error(reason()) -> string().
format_error(Reason) ->
    lists:flatten(sshrpc_error:format(Reason)).

%% -- helpers

name(#{name := Name}) when is_atom(Name) -> Name;
name(Options) when is_list(Options) -> proplists:get_value(name, Options);
name(_) -> undefined.

find(Node) ->
    case sshrpc_target:read(Node) of
        {ok, Known} -> sshrpc_registry:find(Known);
        {error, _} -> error
    end.

protocol({extended, Accepted}) ->
    maps:merge(#{state => open, protocol => extended}, maps:from_list([{name, Name} || #{node := Name} <- [Accepted]]));
protocol(plain) ->
    #{state => open, protocol => plain};
protocol(_) ->
    #{state => closed}.

is_answered({error, {erpc, noconnection}, []}) -> false;
is_answered({error, {erpc, timeout}, []}) -> false;
is_answered(_) -> true.

made({return, Mailbox}) when is_pid(Mailbox) -> {ok, Mailbox};
made({return, _}) -> {badrpc, {'EXIT', {bad_answer, []}}};
made(Outcome) -> sshrpc_outcome:as_rpc(Outcome).

take_back(Mailbox) ->
    receive
        {sshrpc_mailbox, Mailbox, _} -> take_back(Mailbox)
    after 0 -> ok
    end.

watched(Key, {return, ok}, _Node, _To) -> Key;
watched(Key, {error, {erpc, Reason}, []}, Node, To) -> down(Key, Reason, Node, To);
watched(Key, Outcome, Node, To) -> down(Key, element(2, Outcome), Node, To).

down(Key, Reason, Node, To) when is_atom(To) ->
    self() ! {'DOWN', Key, process, {To, Node}, Reason},
    Key;
down(Key, Reason, _Node, To) ->
    self() ! {'DOWN', Key, process, To, Reason},
    Key.
