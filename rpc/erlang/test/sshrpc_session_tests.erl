%% The two protocols without sockets: what a node is sent, and what is made of what it sends.
-module(sshrpc_session_tests).

-include_lib("eunit/include/eunit.hrl").

-define(MESSAGE, 67109888).

%% -- helpers: the node's side

frame(Term) ->
    Octets = term_to_binary(Term),
    <<(byte_size(Octets)):32, Octets/binary>>.

hello(Accepted) -> frame({answer, {{sshrpc, hello, Accepted#{version => 1}}, 0}}).

%% All that there is to send, as terms; parts as they are.
sent(Session) ->
    {Octets, Next} = sshrpc_session:output(1 bsl 40, Session),
    {frames(iolist_to_binary(Octets)), Next}.

frames(<<>>) -> [];
frames(<<Length:32, Octets:Length/binary, Rest/binary>>) -> [binary_to_term(Octets) | frames(Rest)].

input(Octets, Session) ->
    {ok, Events, Next} = sshrpc_session:input(Octets, Session),
    {Events, Next}.

extended(Accepted) ->
    {[{sshrpc, hello, _}], Session} = sent(sshrpc_session:new(?MESSAGE)),
    {[{ready, {extended, _}}], Next} = input(hello(Accepted), Session),
    Next.

mfa(M, F, A) -> sshrpc_message:element_of({M, F, A}).

call(Args) -> {call, [mfa(m, f, Args), sshrpc_message:element_of(#{})]}.

%% -- tests

the_documented_messages_test() ->
    Here = filename:dirname(proplists:get_value(source, ?MODULE:module_info(compile))),
    Protocol = filename:join([Here, "..", "..", "..", "docs", "protocol.md"]),
    {ok, Text} = file:read_file(Protocol),
    {match, Examples} = re:run(Text, "^    [0-9a-f]{8} ([0-9a-f]+)   ", [global, multiline, {capture, all_but_first, list}]),
    Messages = [binary:decode_hex(list_to_binary(Hex)) || [Hex] <- Examples],
    ?assert(length(Messages) > 20),
    Terms = [{binary_to_term(Message), Message} || Message <- Messages],
    Answered = [Id || {{answer, Id, _}, Message} <- Terms, {ok, Id} =:= sshrpc_message:answered(Message)],
    ?assertEqual([1, 2, 3, 4, 10], lists:sort(Answered)),
    ?assertEqual([{part, 1, 3, <<131, 106>>}], [Term || {Term, Message} <- Terms, sshrpc_message:is_part(Message)]),
    Request = fun(Parts) -> binary_to_term(iolist_to_binary(Parts)) end,
    Ours = [
        Request(sshrpc_message:request(call, 1, [mfa(lists, seq, [1, 5]), sshrpc_message:element_of(#{})])),
        Request(sshrpc_message:request(cast, 5, [mfa(logger, info, ["hi"])])),
        Request(sshrpc_message:request(send, 6, [sshrpc_message:element_of(T) || T <- [counter, {add, 1}]])),
        Request(sshrpc_message:request(monitor, 7, [sshrpc_message:element_of(counter)])),
        Request(sshrpc_message:request(demonitor, 8, [sshrpc_message:element_of(7)])),
        Request(sshrpc_message:request(ping, 10, [])),
        Request(sshrpc_message:cancel(2)),
        Request(sshrpc_message:plain_call(mfa(lists, seq, [1, 5]))),
        Request(sshrpc_message:hello(#{}))
    ],
    [?assert(lists:keymember(Term, 1, Terms), Term) || Term <- Ours].

requests_wait_for_the_hello_and_are_answered_in_any_order_test() ->
    {[{sshrpc, hello, #{versions := [1]}}], Session0} = sent(sshrpc_session:new(?MESSAGE)),
    [One, Two] = [make_ref(), make_ref()],
    {[], Session1} = sshrpc_session:request(One, call([1]), Session0),
    {[], Session2} = sshrpc_session:request(Two, {cast, [mfa(m, f, [])]}, Session1),
    ?assertMatch({[], _}, sent(Session2)),
    {[{ready, {extended, _}}, {sent, Two}], Session3} = input(hello(#{}), Session2),
    {[{call, 1, {m, f, [1]}, #{}}, {cast, 2, {m, f, []}}], Session4} = sent(Session3),
    {Events, _} = input(<<(frame({answer, 2, {return, ok}}))/binary, (frame({answer, 1, {throw, x}}))/binary>>, Session4),
    ?assertMatch([{answer, One, {extended, _}}], Events).

octets_come_in_any_pieces_test() ->
    Session = extended(#{}),
    Key = make_ref(),
    {[], Asked} = sshrpc_session:request(Key, call([]), Session),
    Answer = frame({answer, 1, {return, value}}),
    {Events, _} = lists:foldl(
        fun(Octet, {Before, At}) ->
            {New, Next} = input(<<Octet>>, At),
            {Before ++ New, Next}
        end,
        {[], Asked},
        binary_to_list(Answer)
    ),
    ?assertMatch([{answer, Key, {extended, _}}], Events).

the_limits_of_the_node_hold_requests_back_test() ->
    Session = extended(#{calls => 2}),
    Keys = [make_ref() || _ <- lists:seq(1, 4)],
    Asked = lists:foldl(fun(Key, At) -> element(2, sshrpc_session:request(Key, call([]), At)) end, Session, Keys),
    {[{call, 1, _, _}, {call, 2, _, _}], Waiting} = sent(Asked),
    %% One that waits here and is given up was never sent.
    Less = sshrpc_session:give_up(lists:nth(3, Keys), Waiting),
    ?assertMatch({[], _}, sent(Less)),
    {[{answer, _, _}], Next} = input(frame({answer, 2, {return, ok}}), Less),
    ?assertMatch({[{call, 3, _, _}], _}, sent(Next)).

what_is_given_up_is_cancelled_and_its_answer_dropped_test() ->
    Key = make_ref(),
    {[], Asked} = sshrpc_session:request(Key, call([]), extended(#{})),
    Given = sshrpc_session:give_up(Key, Asked),
    {[{call, 1, _, _}, {cancel, 1}], Sent} = sent(Given),
    ?assertMatch({[], _}, input(frame({answer, 1, {exit, killed}}), Sent)),
    ?assertEqual([], sshrpc_session:keys(Given)).

long_messages_go_in_parts_that_hold_up_nothing_test() ->
    [Long, Longer, Short] = [make_ref(), make_ref(), make_ref()],
    Args = fun(Size) -> [binary:copy(<<"x">>, Size)] end,
    {[], S1} = sshrpc_session:request(Long, call(Args(100000)), extended(#{})),
    {[], S2} = sshrpc_session:request(Longer, call(Args(200000)), S1),
    {[], S3} = sshrpc_session:request(Short, call([]), S2),
    S4 = sshrpc_session:give_up(Long, S3),
    {Sent, _} = sent(S4),
    %% The short one first, the long ones in turns, the cancellation behind what it cancels.
    ?assertMatch([{call, 3, _, _}, {part, 1, _, _}, {part, 2, _, _}, {part, 1, _, _} | _], Sent),
    [?assert(Size =< 32768 andalso Size > 0) || {part, _, _, Piece} <- Sent, Size <- [byte_size(Piece)]],
    Whole = fun(Serial) -> binary_to_term(iolist_to_binary([Piece || {part, S, _, Piece} <- Sent, S =:= Serial])) end,
    ?assertEqual([{call, 1, {m, f, Args(100000)}, #{}}, {call, 2, {m, f, Args(200000)}, #{}}], [Whole(1), Whole(2)]),
    [_ | Behind] = lists:dropwhile(fun(Message) -> Message =/= {cancel, 1} end, Sent),
    ?assertEqual([2], lists:usort([Serial || {part, Serial, _, _} <- Behind])).

what_goes_to_processes_keeps_its_order_test() ->
    Send = fun(Term, At) ->
        Elements = [sshrpc_message:element_of(post), sshrpc_message:element_of(Term)],
        element(2, sshrpc_session:request(make_ref(), {send, Elements}, At))
    end,
    Terms = [1, binary:copy(<<"x">>, 100000), 2, binary:copy(<<"y">>, 50000), 3],
    {Sent, _} = sent(lists:foldl(Send, extended(#{}), Terms)),
    ?assertEqual([1, first, second, 3], order(Sent)).

order(Sent) ->
    Marked = lists:map(
        fun
            ({send, _, post, N}) -> N;
            ({part, Serial, _, _}) -> lists:nth(Serial, [first, second])
        end,
        Sent
    ),
    ?assertEqual([1, first, 2, second, 3], squeeze(Marked)),
    [Mark || Mark <- squeeze(Marked), Mark =/= 2].

squeeze([Same, Same | Rest]) -> squeeze([Same | Rest]);
squeeze([One | Rest]) -> [One | squeeze(Rest)];
squeeze([]) -> [].

no_more_is_under_way_than_the_node_takes_test() ->
    Accepted = #{message => 150000, assembly => 150000},
    Ask = fun(Size, At) -> sshrpc_session:request(make_ref(), call([binary:copy(<<"x">>, Size)]), At) end,
    {[], S1} = Ask(100000, extended(Accepted)),
    {[], S2} = Ask(100000, S1),
    {Sent, S3} = sent(S2),
    %% One after the other, not in turns.
    Serials = [Serial || {part, Serial, _, _} <- Sent],
    ?assertEqual(lists:sort(Serials), Serials),
    ?assertEqual([1, 2], lists:usort(Serials)),
    ?assertMatch({[{answer, _, {failed, system_limit}}], _}, Ask(200000, S3)).

answers_in_parts_are_put_together_test() ->
    Key = make_ref(),
    {[], Asked} = sshrpc_session:request(Key, call([]), extended(#{})),
    Answer = term_to_binary({answer, 1, {return, binary:copy(<<"z">>, 70000)}}),
    <<First:32768/binary, Second:32768/binary, Third/binary>> = Answer,
    Part = fun(Serial, Piece) -> frame({part, Serial, byte_size(Answer), Piece}) end,
    {[], S1} = input(Part(7, First), Asked),
    {[], S2} = input(Part(7, Second), S1),
    {[{answer, Key, {extended, Answer}}], _} = input(Part(7, Third), S2),
    %% What is wrong with parts.
    [
        ?assertMatch({error, _}, sshrpc_session:input(Wrong, S2))
     || Wrong <- [
            Part(6, Third),
            Part(7, <<Third/binary, 0>>),
            Part(8, <<>>),
            frame({part, 8, 1 bsl 40, <<1>>}),
            frame({part, 7, 1, Third}),
            frame({part, -1, 5, <<1>>}),
            frame({part, 8})
        ]
    ].

a_monitor_tells_once_and_can_be_ended_test() ->
    Key = make_ref(),
    {[], Asked} = sshrpc_session:request(Key, {monitor, [sshrpc_message:element_of(name)]}, extended(#{})),
    {[{monitor, 1, name}], Sent} = sent(Asked),
    {[{answer, Key, _}], Watching} = input(frame({answer, 1, {return, ok}}), Sent),
    ?assertEqual([{Key, monitor}], sshrpc_session:keys(Watching)),
    {[{down, Key, why}], Told} = input(frame({down, 1, name, why}), Watching),
    ?assertMatch({[], _}, input(frame({down, 1, name, why}), Told)),
    {[{demonitor, 2, 1}], Ended} = sent(sshrpc_session:give_up(Key, Watching)),
    ?assertMatch({[], _}, input(frame({down, 1, name, why}), Ended)),
    %% One that is given up before it is answered is ended then.
    Early = sshrpc_session:give_up(Key, Sent),
    ?assertMatch({[], _}, sent(Early)),
    {[], Answered} = input(frame({answer, 1, {return, ok}}), Early),
    ?assertMatch({[{demonitor, 2, 1}], _}, sent(Answered)).

a_mailbox_gets_messages_until_it_is_closed_test() ->
    Key = make_ref(),
    Pid = self(),
    {[], Asked} = sshrpc_session:request(Key, {mailbox, []}, extended(#{})),
    {[{mailbox, 1}], Sent} = sent(Asked),
    {[{answer, Key, _}], Open} = input(frame({answer, 1, {return, Pid}}), Sent),
    ?assertEqual([{Key, {mailbox, Pid}}], sshrpc_session:keys(Open)),
    ?assertMatch({[{message, Key, Pid, hello}], _}, input(frame({message, Pid, hello}), Open)),
    {[{closed, Key, Pid, why}], Closed} = input(frame({closed, Pid, why}), Open),
    ?assertMatch({[], _}, input(frame({message, Pid, late}), Closed)),
    {[{close, 2, Pid, normal}], Given} = sent(sshrpc_session:give_up(Key, Open)),
    ?assertMatch({[], _}, input(frame({message, Pid, late}), Given)),
    %% One that is given up before it is there is closed then.
    {[], Early} = input(frame({answer, 1, {return, Pid}}), sshrpc_session:give_up(Key, Sent)),
    ?assertMatch({[{close, 2, Pid, normal}], _}, sent(Early)).

a_plain_node_is_asked_in_the_original_protocol_test() ->
    {[Hello], S0} = sent(sshrpc_session:new(?MESSAGE)),
    [One, Two, Three, Four] = [make_ref() || _ <- lists:seq(1, 4)],
    Ask = fun(Key, Request, At) -> sshrpc_session:request(Key, Request, At) end,
    {[], S1} = Ask(One, call([1]), S0),
    {[], S2} = Ask(Two, {ping, []}, S1),
    {[], S3} = Ask(Three, {cast, [mfa(m, f, [3])]}, S2),
    {[], S4} = Ask(Four, call([binary:copy(<<"x">>, 100000)]), S3),
    {Events, S5} = input(frame({answer, {{exec_error, Hello}, -1}}), S4),
    ?assertEqual([{ready, plain}, {answer, Two, {failed, notsup}}, {sent, Three}], Events),
    {[{mfa, {m, f, [1]}}, {mfa, {m, f, [3]}}, {mfa, {m, f, [_]}}], S6} = sent(S5),
    Answers = [frame({answer, {Value, 0}}) || Value <- [one, three, four]],
    {Answered, _} = input(iolist_to_binary(Answers), S6),
    ?assertMatch([{answer, One, {plain, _}}, {answer, Four, {plain, _}}], Answered).

what_no_node_says_ends_the_channel_test() ->
    {_, Greeting} = sent(sshrpc_session:new(?MESSAGE)),
    Refused = fun(Octets, At) -> ?assertMatch({error, _}, sshrpc_session:input(Octets, At)) end,
    [
        Refused(Octets, Greeting)
     || Octets <- [
            frame(hello),
            frame({answer, {{sshrpc, hello, #{version => 2}}, 0}}),
            hello(#{calls => many}),
            hello(#{message => -1}),
            <<5:32, "hello">>,
            <<16#ffffffff:32>>
        ]
    ],
    Ready = extended(#{}),
    [
        Refused(Octets, Ready)
     || Octets <- [
            frame({answer, 1, {return, unasked}}),
            frame({answer, -1, {return, unasked}}),
            frame({data, 1, <<"of no stream">>}),
            frame(nonsense),
            <<3:32, 1, 2, 3>>,
            <<65537:32>>
        ]
    ].
