%% @private A process that opens a channel to a node and carries octets between it and the process of the connection, and
%% a second one that writes, since writing waits for the other side.
%%
%% The connection's process is told `{Channel, opened}', `{Channel, {data, Octets}}', `{Channel, written}', and in the end
%% `{Channel, {closed, Reason}}'.
-module(sshrpc_channel).

-export([start_link/1, write/2, consumed/2, stop/1]).
-export_type([event/0]).

-type event() :: opened | {data, binary()} | written | {closed, sshrpc:reason()}.

-type handle() :: term().
%% Opens a channel: waits for it, no longer than the target says. What comes on it goes to the process that calls this.
-callback open(sshrpc_target:target()) -> {ok, handle()} | {error, sshrpc:reason()}.
%% What a message to that process means.
-callback received(Message :: term(), handle()) ->
    {data, binary()} | {error_output, binary()} | {ended, Why :: string()} | ignored.
%% Writes all of it, and waits until it is written.
-callback write(iodata(), handle()) -> ok | {error, term()}.
%% So many octets were used: as many more may come.
-callback consumed(non_neg_integer(), handle()) -> ok.
-callback close(handle()) -> ok.

%% How much of what a node says on standard error is kept.
-define(ERROR_OUTPUT, 1024).

-record(state, {parent :: pid(), module :: module(), handle :: handle(), writer :: pid(), said = <<>> :: binary()}).

-spec start_link(sshrpc_target:target()) -> pid().
start_link(Target) ->
    Parent = self(),
    spawn_link(fun() -> open(Parent, Target) end).

%% One at a time: `written' says that it is.
-spec write(pid(), iodata()) -> ok.
write(Channel, Octets) ->
    Channel ! {write, Octets},
    ok.

-spec consumed(pid(), non_neg_integer()) -> ok.
consumed(Channel, Octets) ->
    Channel ! {consumed, Octets},
    ok.

%% Closes it. Nothing is told after that but what is under way.
-spec stop(pid()) -> ok.
stop(Channel) ->
    Channel ! stop,
    ok.

open(Parent, Target) ->
    process_flag(trap_exit, true),
    Module =
        case maps:get(transport, Target) of
            ssh -> sshrpc_ssh;
            openssh -> sshrpc_program;
            {program, _} -> sshrpc_program
        end,
    case Module:open(Target) of
        {ok, Handle} ->
            Channel = self(),
            Writer = spawn_link(fun() -> writer(Channel, Module, Handle) end),
            Parent ! {self(), opened},
            loop(#state{parent = Parent, module = Module, handle = Handle, writer = Writer});
        {error, Reason} ->
            Parent ! {self(), {closed, Reason}}
    end.

loop(State = #state{parent = Parent, module = Module, handle = Handle, writer = Writer, said = Said}) ->
    receive
        {write, Octets} ->
            Writer ! {write, Octets},
            loop(State);
        {consumed, Octets} ->
            ok = Module:consumed(Octets, Handle),
            loop(State);
        {Writer, written} ->
            Parent ! {self(), written},
            loop(State);
        {Writer, {failed, Reason}} ->
            ended(io_lib:format("it cannot be written to: ~0tp", [Reason]), State);
        stop ->
            Module:close(Handle);
        {'EXIT', Parent, _Reason} ->
            Module:close(Handle);
        Message ->
            case Module:received(Message, Handle) of
                {data, Octets} ->
                    Parent ! {self(), {data, Octets}},
                    loop(State);
                {error_output, Text} ->
                    ok = Module:consumed(byte_size(Text), Handle),
                    Room = max(0, ?ERROR_OUTPUT - byte_size(Said)),
                    loop(State#state{said = <<Said/binary, (binary:part(Text, 0, min(Room, byte_size(Text))))/binary>>});
                {ended, Why} ->
                    ended(Why, State);
                ignored ->
                    loop(State)
            end
    end.

ended(Why, #state{parent = Parent, module = Module, handle = Handle, said = Said}) ->
    Module:close(Handle),
    Reason =
        case string:trim(printable(Said)) of
            "" -> {closed, lists:flatten(Why)};
            Text -> {closed, lists:flatten([Why, ": ", Text])}
        end,
    Parent ! {self(), {closed, Reason}}.

printable(Octets) ->
    [Character || <<Character>> <= Octets, Character >= $\s orelse Character =:= $\n, Character < 127].

writer(Channel, Module, Handle) ->
    receive
        {write, Octets} ->
            case Module:write(Octets, Handle) of
                ok ->
                    Channel ! {self(), written},
                    writer(Channel, Module, Handle);
                {error, Reason} ->
                    Channel ! {self(), {failed, Reason}}
            end
    end.
