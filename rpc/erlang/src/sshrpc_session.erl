%% @private The asking end of one channel, without processes, clock or sockets: requests in, octets out, octets in, answers out.
%%
%% It begins with a hello and holds requests back until that is answered. Where the node knows only the original protocol,
%% calls and casts are made in that one, and all else is answered here with `{erpc, notsup}'.
%%
%% Every request has a key of its caller's, and one event with the answer, unless the caller gave it up.
-module(sshrpc_session).

-export([new/1, request/3, ping/1, give_up/2, input/2, output/2, keys/1, mailbox/2, protocol/1]).
-export_type([session/0, key/0, request/0, event/0, failure/0, reason/0, protocol/0]).

-type key() :: reference() | ping.
%% The elements behind the number, encoded.
-type request() ::
    {call, [sshrpc_message:octets()]}
    | {cast, [sshrpc_message:octets()]}
    | {send, [sshrpc_message:octets()]}
    | {monitor, [sshrpc_message:octets()]}
    | {mailbox, []}
    | {ping, []}.
-type event() ::
    {ready, protocol()}
    %% It left: a cast is done with that.
    | {sent, key()}
    %% The message with the answer, or why there is none.
    | {answer, key(), {extended | plain, binary()} | {failed, failure()}}
    | {down, key(), Reason :: term()}
    | {message, key(), Mailbox :: pid(), Message :: term()}
    | {closed, key(), Mailbox :: pid(), Reason :: term()}.
-type failure() :: noconnection | notsup | system_limit | badarg.
-type protocol() :: greeting | plain | {extended, Accepted :: map()}.
-type reason() :: sshrpc_inbound:reason() | {no_message, term()} | no_term | {unasked, term()} | {no_hello, term()}.

%% A number in use: a request of this length that is not answered, or a process that is watched. Nobody waits for those
%% that have no key.
-record(open, {
    key :: key() | none,
    kind :: call | send | monitor | demonitor | mailbox | close | ping | forgotten | watch,
    length = 0 :: non_neg_integer()
}).

-record(session, {
    protocol = greeting :: protocol(),
    message :: pos_integer(),
    inbound :: sshrpc_inbound:inbound(),
    outbound = sshrpc_outbound:new() :: sshrpc_outbound:outbound(),
    last = 0 :: non_neg_integer(),
    open = #{} :: #{pos_integer() => #open{}},
    %% Requests that are sent or held, monitors and mailboxes, by what their callers call them.
    keys = #{} :: #{key() => pos_integer() | held | {mailbox, pid()}},
    mailboxes = #{} :: #{pid() => key()},
    held = queue:new() :: queue:queue({key(), request()}),
    unanswered = 0 :: non_neg_integer(),
    pending = 0 :: non_neg_integer(),
    %% The order of answers, where they have no numbers.
    order = queue:new() :: queue:queue(pos_integer())
}).

-opaque session() :: #session{}.

%% At the start of a channel. The longest message that is taken, in octets.
-spec new(pos_integer()) -> session().
new(Message) ->
    Offer =
        case sshrpc_inbound:default_message() of
            Message -> #{};
            _ -> #{message => Message, assembly => max(Message, sshrpc_inbound:default_assembly())}
        end,
    Session = #session{message = Message, inbound = sshrpc_inbound:new(Message)},
    push(sshrpc_message:hello(Offer), none, Session).

%% Asks for something. The node's limits may hold it back for a while.
-spec request(key(), request(), session()) -> {[event()], session()}.
request(Key, Request, Session = #session{keys = Keys, held = Held}) ->
    release(Session#session{keys = Keys#{Key => held}, held = queue:in({Key, Request}, Held)}).

%% Asks whether the node is there, whatever is held back; nobody, while it has not answered the last time.
-spec ping(session()) -> {ok, session()} | unanswered.
ping(Session = #session{protocol = {extended, _}, keys = Keys}) when not is_map_key(ping, Keys) ->
    {[], Next} = send(ping, ping, [], Session),
    {ok, Next};
ping(_Session) ->
    unanswered.

%% Nobody waits for this any more: a call is cancelled, a monitor or a mailbox ended, and no event of it comes.
-spec give_up(key(), session()) -> session().
give_up(Key, Session = #session{keys = Keys, held = Held, open = Open, protocol = Protocol}) ->
    Less = Session#session{keys = maps:remove(Key, Keys)},
    case Keys of
        #{Key := {mailbox, Pid}} ->
            close(Pid, Less#session{mailboxes = maps:remove(Pid, Session#session.mailboxes)});
        #{Key := held} ->
            Less#session{held = queue:filter(fun({Other, _}) -> Other =/= Key end, Held)};
        #{Key := Id} ->
            #{Id := Asked} = Open,
            Forgotten = Less#session{open = Open#{Id := Asked#open{key = none}}},
            case {Protocol, Asked#open.kind} of
                {{extended, _}, call} -> push(sshrpc_message:cancel(Id), {call, Id}, Forgotten);
                {_, watch} -> unwatch(Id, Forgotten);
                _ -> Forgotten
            end;
        #{} ->
            Session
    end.

%% Takes what came on the channel. After an error the channel is to be closed, and what was not answered is lost.
-spec input(binary(), session()) -> {ok, [event()], session()} | {error, reason()}.
input(Octets, Session) ->
    input(Octets, [], Session).

%% What is to be sent now, about so many octets of it.
-spec output(pos_integer(), session()) -> {iodata(), session()}.
output(Enough, Session = #session{outbound = Outbound}) ->
    {Octets, Next} = sshrpc_outbound:fill(Enough, Outbound),
    {Octets, Session#session{outbound = Next}}.

%% What is not answered, what is watched, and the mailboxes.
-spec keys(session()) -> [{key(), request | monitor | {mailbox, pid()}}].
keys(#session{keys = Keys, open = Open}) ->
    Kind = fun
        ({mailbox, _Pid} = Mailbox) ->
            Mailbox;
        (Id) ->
            case Open of
                #{Id := #open{kind = watch}} -> monitor;
                #{} -> request
            end
    end,
    [{Key, Kind(Id)} || {Key, Id} <- maps:to_list(Keys)].

%% Whose mailbox this is.
-spec mailbox(pid(), session()) -> {ok, key()} | error.
mailbox(Pid, #session{mailboxes = Mailboxes}) ->
    maps:find(Pid, Mailboxes).

-spec protocol(session()) -> protocol().
protocol(#session{protocol = Protocol}) ->
    Protocol.

%% -- what came

input(Octets, Events, Session = #session{inbound = Inbound}) ->
    case sshrpc_inbound:feed(Octets, Inbound) of
        {more, Next} -> {ok, lists:reverse(Events), Session#session{inbound = Next}};
        {error, Reason} -> {error, Reason};
        {Message, Next} ->
            case message(Message, Session#session{inbound = Next}) of
                {ok, New, After} -> input(<<>>, lists:reverse(New, Events), After);
                {error, Reason} -> {error, Reason}
            end
    end.

message(Message, Session = #session{protocol = greeting}) ->
    case sshrpc_message:decode(Message, all) of
        {ok, {answer, {{sshrpc, hello, Accepted = #{version := 1}}, 0}}} -> accepted(Accepted, Session);
        {ok, {answer, {{exec_error, _Hello}, -1}}} -> refused(Session);
        {ok, Other} -> {error, {no_hello, Other}};
        {error, badarg} -> {error, no_term}
    end;
message(Message, Session = #session{protocol = plain, order = Order}) ->
    case queue:out(Order) of
        {{value, Id}, Rest} -> answered(Id, {plain, Message}, Session#session{order = Rest});
        {empty, _} -> {error, {unasked, plain}}
    end;
message(Message, Session) ->
    case sshrpc_message:answered(Message) of
        {ok, Id} -> answered(Id, {extended, Message}, Session);
        error ->
            case sshrpc_message:decode(Message, all) of
                {ok, Term} -> told(Term, Message, Session);
                {error, badarg} -> {error, no_term}
            end
    end.

accepted(Accepted, Session = #session{outbound = Outbound}) ->
    Sizes = [frame, message, assembly, window, calls, pending],
    case [Key || Key <- Sizes, not is_size(maps:get(Key, Accepted, 0))] of
        [] ->
            Protocol = {extended, Accepted},
            Peer = sshrpc_outbound:set_peer(Accepted, Outbound),
            {Events, Next} = release(Session#session{protocol = Protocol, outbound = Peer}),
            {ok, [{ready, Protocol} | Events], Next};
        [Key | _] ->
            {error, {no_hello, {Key, maps:get(Key, Accepted)}}}
    end.

is_size(Size) -> is_integer(Size) andalso Size >= 0.

refused(Session = #session{inbound = Inbound, message = Message}) ->
    Plain = Session#session{protocol = plain, inbound = sshrpc_inbound:plain(Message, Inbound)},
    {Events, Next} = release(Plain),
    {ok, [{ready, plain} | Events], Next}.

answered(Id, Answer, Session = #session{open = Open, keys = Keys, unanswered = Unanswered, pending = Pending}) ->
    case Open of
        #{Id := #open{key = Key, kind = Kind, length = Length}} when Kind =/= watch ->
            Counted = Session#session{unanswered = Unanswered - 1, pending = Pending - Length},
            Done = Counted#session{open = maps:remove(Id, Open), keys = maps:remove(Key, Keys)},
            Settled =
                case (Kind =:= monitor orelse Kind =:= mailbox) andalso returned(Answer) of
                    {ok, Pid} when Kind =:= mailbox, is_pid(Pid) -> open_mailbox(Key, Pid, Done);
                    {ok, _} when Kind =:= monitor -> watch(Id, Counted);
                    _ -> Done
                end,
            {Events, Next} = release(Settled),
            {ok, [{answer, Key, Answer} || Key =/= none] ++ Events, Next};
        #{} ->
            {error, {unasked, Id}}
    end.

returned({extended, Message}) ->
    case sshrpc_message:decode(Message, all) of
        {ok, {answer, _Id, {return, Value}}} -> {ok, Value};
        _ -> error
    end;
returned({plain, _}) ->
    error.

%% A monitor that was given up before it was answered is ended now.
watch(Id, Session = #session{open = Open}) ->
    #{Id := Asked} = Open,
    Watching = Session#session{open = Open#{Id := Asked#open{kind = watch, length = 0}}},
    case Asked#open.key of
        none -> unwatch(Id, Watching);
        _ -> Watching
    end.

unwatch(Id, Session = #session{open = Open}) ->
    {_, Next} = send(none, demonitor, [sshrpc_message:element_of(Id)], Session#session{open = maps:remove(Id, Open)}),
    Next.

%% So is a mailbox.
open_mailbox(none, Pid, Session) ->
    close(Pid, Session);
open_mailbox(Key, Pid, Session = #session{keys = Keys, mailboxes = Mailboxes}) ->
    Session#session{keys = Keys#{Key => {mailbox, Pid}}, mailboxes = Mailboxes#{Pid => Key}}.

close(Pid, Session) ->
    {_, Next} = send(none, close, [sshrpc_message:element_of(Pid), sshrpc_message:element_of(normal)], Session),
    Next.

told({message, Pid, Message}, _Octets, Session = #session{mailboxes = Mailboxes}) when is_pid(Pid) ->
    %% What was under way to one that was closed is for nobody.
    {ok, [{message, Key, Pid, Message} || {ok, Key} <- [maps:find(Pid, Mailboxes)]], Session};
told({closed, Pid, Reason}, _Octets, Session = #session{mailboxes = Mailboxes, keys = Keys}) when is_pid(Pid) ->
    case Mailboxes of
        #{Pid := Key} ->
            Closed = Session#session{mailboxes = maps:remove(Pid, Mailboxes), keys = maps:remove(Key, Keys)},
            {ok, [{closed, Key, Pid, Reason}], Closed};
        #{} ->
            {ok, [], Session}
    end;
told({down, Id, _To, Reason}, _Message, Session = #session{open = Open, keys = Keys}) ->
    case Open of
        #{Id := #open{key = Key, kind = watch}} ->
            {ok, [{down, Key, Reason}], Session#session{open = maps:remove(Id, Open), keys = maps:remove(Key, Keys)}};
        %% One that is being given up may still come.
        #{} ->
            {ok, [], Session}
    end;
%% Whatever its form was.
told({answer, Id, _Outcome}, Message, Session) when is_integer(Id) ->
    answered(Id, {extended, Message}, Session);
told(Other, _Message, _Session) ->
    {error, {no_message, Other}}.

%% -- what goes

%% Sends what was held back, as far as there is room now.
release(Session) ->
    release([], Session).

release(Events, Session = #session{held = Held}) ->
    case has_room(Session) andalso queue:out(Held) of
        {{value, {Key, Request}}, Others} ->
            {New, Next} = begin_request(Key, Request, Session#session{held = Others}),
            release([New | Events], Next);
        _ ->
            {lists:append(lists:reverse(Events)), Session}
    end.

has_room(#session{protocol = greeting}) ->
    false;
has_room(#session{protocol = plain}) ->
    true;
has_room(#session{protocol = {extended, Accepted}, unanswered = Unanswered, pending = Pending}) ->
    Unanswered < max(1, maps:get(calls, Accepted, 1024)) andalso
        Pending < max(maps:get(pending, Accepted, 134217728), maps:get(message, Accepted, 67109888)).

begin_request(Key, {Tag, Elements}, Session = #session{protocol = {extended, _}}) ->
    send(Key, Tag, Elements, Session);
begin_request(Key, {Tag, [Mfa | _]}, Session = #session{protocol = plain}) when Tag =:= call; Tag =:= cast ->
    #session{last = Last, outbound = Outbound, order = Order} = Session,
    case sshrpc_outbound:push_whole(sshrpc_message:plain_call(Mfa), Outbound) of
        {ok, Length, Next} ->
            Ordered = Session#session{outbound = Next, order = queue:in(Last + 1, Order)},
            asked(Key, Tag, Length, Ordered);
        {error, too_long} ->
            fail(Key, system_limit, Session)
    end;
begin_request(Key, _Request, Session = #session{protocol = plain}) ->
    fail(Key, notsup, Session).

send(Key, Tag, Elements, Session = #session{last = Last, outbound = Outbound}) ->
    Id = Last + 1,
    case sshrpc_outbound:push(sshrpc_message:request(Tag, Id, Elements), line(Tag, Id), Outbound) of
        {ok, Length, Next} -> asked(Key, Tag, Length, Session#session{outbound = Next});
        {error, too_long} -> fail(Key, system_limit, Session)
    end.

%% The request with the next number is on its way. Nobody waits for what becomes of a cast.
asked(Key, cast, Length, Session = #session{keys = Keys}) ->
    {_, Next} = asked(none, forgotten, Length, Session#session{keys = maps:remove(Key, Keys)}),
    {[{sent, Key}], Next};
asked(Key, Tag, Length, Session = #session{last = Last, open = Open, keys = Keys}) ->
    #session{unanswered = Unanswered, pending = Pending} = Session,
    Id = Last + 1,
    Kept =
        case Key of
            none -> Keys;
            _ -> Keys#{Key => Id}
        end,
    {[], Session#session{
        last = Id,
        keys = Kept,
        open = Open#{Id => #open{key = Key, kind = Tag, length = Length}},
        unanswered = Unanswered + 1,
        pending = Pending + Length
    }}.

%% Calls overtake each other; what goes to processes keeps its order.
line(call, Id) -> {call, Id};
line(send, _Id) -> processes;
line(monitor, _Id) -> processes;
line(close, _Id) -> processes;
line(_, _Id) -> none.

fail(Key, Failure, Session = #session{keys = Keys}) ->
    {[{answer, Key, {failed, Failure}}], Session#session{keys = maps:remove(Key, Keys)}}.

%% What is short, and fits.
push(Octets, Line, Session = #session{outbound = Outbound}) ->
    {ok, _Size, Next} = sshrpc_outbound:push(Octets, Line, Outbound),
    Session#session{outbound = Next}.
