%% @private From messages to the octets of a channel: short ones at once, long ones in parts that hold up nothing else.
-module(sshrpc_outbound).

-export([new/0, set_peer/2, push/3, push_whole/2, fill/2]).
-export_type([outbound/0, line/0]).

%% Messages of one line keep their order; those of different lines, and those of none, overtake each other.
-type line() :: none | processes | {call, pos_integer()}.

-record(long, {serial :: pos_integer(), size :: pos_integer(), left :: binary(), line :: line()}).

-record(outbound, {
    %% The longest message that the peer takes, and how much of those may be under way to it.
    message :: pos_integer(),
    assembly :: pos_integer(),
    %% Frames of short messages, the last one first.
    frames = [] :: [iodata()],
    %% Long messages that were begun, in turns; and those that the peer's limit holds back.
    begun = queue:new() :: queue:queue(#long{}),
    under_way = 0 :: non_neg_integer(),
    held = queue:new() :: queue:queue(#long{}),
    %% What must not overtake a long message.
    lines = #{} :: #{line() => queue:queue({short | long, iodata()})},
    serials = 0 :: non_neg_integer()
}).

-opaque outbound() :: #outbound{}.

%% The longest message that travels in one frame, and the most octets in one part.
-define(PIECE, 32768).

-spec new() -> outbound().
new() ->
    #outbound{message = sshrpc_inbound:default_message(), assembly = sshrpc_inbound:default_assembly()}.

%% What the peer takes, once it has said so.
-spec set_peer(map(), outbound()) -> outbound().
set_peer(Accepted, Outbound) ->
    Message = maps:get(message, Accepted, sshrpc_inbound:default_message()),
    Assembly = max(Message, maps:get(assembly, Accepted, sshrpc_inbound:default_assembly())),
    release(Outbound#outbound{message = Message, assembly = Assembly}).

%% Puts a message among those to be sent, and says how long it is.
-spec push(iodata(), line(), outbound()) -> {ok, non_neg_integer(), outbound()} | {error, too_long}.
push(Octets, Line, Outbound = #outbound{lines = Lines, message = Most}) ->
    Size = iolist_size(Octets),
    Kind =
        if
            Size =< ?PIECE -> short;
            true -> long
        end,
    case Lines of
        _ when Size > Most ->
            {error, too_long};
        #{Line := Waiting} ->
            {ok, Size, Outbound#outbound{lines = Lines#{Line := queue:in({Kind, Octets}, Waiting)}}};
        #{} when Kind =:= short ->
            {ok, Size, short(Octets, Outbound)};
        #{} ->
            {ok, Size, release(long(Octets, Line, Outbound))}
    end.

%% The same for a peer that knows no parts.
-spec push_whole(iodata(), outbound()) -> {ok, non_neg_integer(), outbound()} | {error, too_long}.
push_whole(Octets, Outbound) ->
    case iolist_size(Octets) of
        Size when Size < 16#100000000 -> {ok, Size, short(Octets, Outbound)};
        _ -> {error, too_long}
    end.

%% What is to be sent now: all short messages, and parts of long ones while there are less than `Enough' octets.
-spec fill(pos_integer(), outbound()) -> {iodata(), outbound()}.
fill(Enough, Outbound) ->
    fill(Enough, [], 0, Outbound).

fill(Enough, Filled, Size, Outbound = #outbound{frames = Frames, begun = Begun}) ->
    Short = lists:reverse(Frames),
    With = [Filled, Short],
    Sum = Size + iolist_size(Short),
    Sent = Outbound#outbound{frames = []},
    case Sum < Enough andalso queue:out(Begun) of
        {{value, Long}, Others} ->
            {Part, Next} = part(Long, Sent#outbound{begun = Others}),
            fill(Enough, [With, Part], Sum + iolist_size(Part), Next);
        _ ->
            {With, Sent}
    end.

short(Octets, Outbound = #outbound{frames = Frames}) ->
    Outbound#outbound{frames = [frame(Octets) | Frames]}.

frame(Octets) ->
    [<<(iolist_size(Octets)):32>>, Octets].

long(Octets, Line, Outbound = #outbound{serials = Serials, held = Held, lines = Lines}) ->
    Whole = iolist_to_binary(Octets),
    Long = #long{serial = Serials + 1, size = byte_size(Whole), left = Whole, line = Line},
    Waiting =
        case Line of
            none -> Lines;
            _ -> Lines#{Line => maps:get(Line, Lines, queue:new())}
        end,
    Outbound#outbound{serials = Serials + 1, held = queue:in(Long, Held), lines = Waiting}.

%% Begins what the peer's limit lets begin.
release(Outbound = #outbound{held = Held, begun = Begun, under_way = Sum, assembly = Most}) ->
    case queue:out(Held) of
        {{value, Long = #long{size = Size}}, Others} when Sum + Size =< Most ->
            release(Outbound#outbound{held = Others, begun = queue:in(Long, Begun), under_way = Sum + Size});
        _ ->
            Outbound
    end.

part(Long = #long{serial = Serial, size = Size, left = Left}, Outbound = #outbound{begun = Begun}) ->
    case Left of
        <<Piece:?PIECE/binary, Rest/binary>> when Rest =/= <<>> ->
            Part = frame(sshrpc_message:part(Serial, Size, Piece)),
            {Part, Outbound#outbound{begun = queue:in(Long#long{left = Rest}, Begun)}};
        _ ->
            {frame(sshrpc_message:part(Serial, Size, Left)), sent(Long, Outbound)}
    end.

%% A long message is sent: what stood behind it goes, up to the next long one.
sent(#long{size = Size, line = Line}, Outbound = #outbound{under_way = Sum, lines = Lines}) ->
    Less = Outbound#outbound{under_way = Sum - Size},
    release(
        case Lines of
            #{Line := Waiting} -> next(Line, Waiting, Less);
            #{} -> Less
        end
    ).

next(Line, Waiting, Outbound = #outbound{lines = Lines}) ->
    case queue:out(Waiting) of
        {{value, {short, Octets}}, Others} -> next(Line, Others, short(Octets, Outbound));
        {{value, {long, Octets}}, Others} -> long(Octets, Line, Outbound#outbound{lines = Lines#{Line := Others}});
        {empty, _} -> Outbound#outbound{lines = maps:remove(Line, Lines)}
    end.
