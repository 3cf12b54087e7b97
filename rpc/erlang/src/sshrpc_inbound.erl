%% @private From the octets of a channel to messages: frames, and the parts of long messages put together.
%%
%% Messages are handed on as octets: who waits for an answer decodes it, not the process of the connection, whose heap and
%% time belong to all callers.
-module(sshrpc_inbound).

-export([new/1, plain/2, feed/2]).
-export([default_frame/0, default_message/0, default_assembly/0]).
-export_type([inbound/0, reason/0]).

-record(inbound, {
    buffer = <<>> :: binary(),
    %% Nothing is looked at before so many octets are there.
    need = 4 :: non_neg_integer(),
    %% The longest frame, the longest message in parts, and how much of those may be under way.
    frame :: pos_integer(),
    message :: pos_integer(),
    assembly :: pos_integer(),
    parts = #{} :: #{non_neg_integer() => {Size :: pos_integer(), Left :: pos_integer(), [binary()]}} | none,
    under_way = 0 :: non_neg_integer(),
    last = -1 :: integer()
}).

-opaque inbound() :: #inbound{}.
-type reason() ::
    {frame_too_long, non_neg_integer()}
    | {message_too_long, non_neg_integer()}
    | {messages_too_long, non_neg_integer()}
    | bad_part
    | {unknown_part, non_neg_integer()}
    | {part_too_long, non_neg_integer()}.

%% What holds, in octets, for an end that says nothing else in its hello.
-spec default_frame() -> pos_integer().
default_frame() -> 65536.

-spec default_message() -> pos_integer().
default_message() -> 67109888.

-spec default_assembly() -> pos_integer().
default_assembly() -> 134217728.

%% For messages of this length at most.
-spec new(Message :: pos_integer()) -> inbound().
new(Message) ->
    #inbound{frame = default_frame(), message = Message, assembly = max(Message, default_assembly())}.

%% The same, from a node that knows no parts: its frames may be as long as messages.
-spec plain(Message :: pos_integer(), inbound()) -> inbound().
plain(Message, Inbound) ->
    Inbound#inbound{frame = Message, parts = none}.

%% Messages, in their order, and how the next octets are to be taken.
-spec feed(binary(), inbound()) -> {binary(), inbound()} | {more, inbound()} | {error, reason()}.
feed(Octets, Inbound = #inbound{buffer = Before, need = Need}) ->
    %% To append is cheap as long as nobody looks at it.
    Buffer =
        case Octets of
            <<>> -> Before;
            _ -> <<Before/binary, Octets/binary>>
        end,
    if
        byte_size(Buffer) < Need -> {more, Inbound#inbound{buffer = Buffer}};
        true -> frame(Buffer, Inbound)
    end.

frame(<<Length:32, _/binary>>, #inbound{frame = Most}) when Length > Most ->
    {error, {frame_too_long, Length}};
frame(<<Length:32, Frame:Length/binary, Rest/binary>>, Inbound = #inbound{parts = Parts}) ->
    Next = Inbound#inbound{buffer = Rest, need = 4},
    case Parts =/= none andalso sshrpc_message:is_part(Frame) of
        true -> part(Frame, Next);
        false -> {Frame, Next}
    end;
frame(<<Length:32, _/binary>> = Buffer, Inbound) ->
    {more, Inbound#inbound{buffer = Buffer, need = 4 + Length}};
frame(Buffer, Inbound) ->
    {more, Inbound#inbound{buffer = Buffer, need = 4}}.

part(Frame, Inbound = #inbound{last = Last}) ->
    case sshrpc_message:decode(Frame, all) of
        {ok, {part, Serial, Size, Piece}} when
            is_integer(Serial), Serial >= 0, is_integer(Size), Size > 0, is_binary(Piece), Piece =/= <<>>
        ->
            case begin_part(Serial, Size, Serial > Last, Inbound) of
                {ok, Begun} -> append(Serial, Size, Piece, Begun);
                {error, Reason} -> {error, Reason}
            end;
        _ ->
            {error, bad_part}
    end.

begin_part(_Serial, _Size, false, Inbound) ->
    {ok, Inbound};
begin_part(_Serial, Size, true, #inbound{message = Most}) when Size > Most ->
    {error, {message_too_long, Size}};
begin_part(_Serial, Size, true, #inbound{assembly = Most, under_way = Sum}) when Size + Sum > Most ->
    {error, {messages_too_long, Size + Sum}};
begin_part(Serial, Size, true, Inbound = #inbound{parts = Parts, under_way = Sum}) ->
    {ok, Inbound#inbound{parts = Parts#{Serial => {Size, Size, []}}, under_way = Sum + Size, last = Serial}}.

append(Serial, Size, Piece, Inbound = #inbound{parts = Parts, under_way = Sum}) ->
    case Parts of
        #{Serial := {Size, Left, Pieces}} when byte_size(Piece) < Left ->
            Assembly = {Size, Left - byte_size(Piece), [Piece | Pieces]},
            feed(<<>>, Inbound#inbound{parts = Parts#{Serial := Assembly}});
        #{Serial := {Size, Left, Pieces}} when byte_size(Piece) =:= Left ->
            Message = iolist_to_binary(lists:reverse([Piece | Pieces])),
            {Message, Inbound#inbound{parts = maps:remove(Serial, Parts), under_way = Sum - Size}};
        #{Serial := _} ->
            {error, {part_too_long, Serial}};
        #{} ->
            {error, {unknown_part, Serial}}
    end.
