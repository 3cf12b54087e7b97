#!/usr/bin/env escript
%% What Erlang's own functions give for the calls that the built-in functions of a node are tested with.
%% Output, tab separated: call, class (value, error, exit, throw), and the value or reason as `~0tp` prints it.
-mode(compile).

main(_) ->
    io:setopts([{encoding, unicode}]),
    rand:seed(exsss, {1, 2, 3}),
    [line(M, F, A) || {M, F, As} <- chosen(), A <- As],
    [line(erlang, F, A) || {F, A} <- random(600)].

line(M, F, A) ->
    {Class, Result} = try {value, apply(M, F, A)} catch C:R -> {C, R} end,
    Args = lists:join(",", [io_lib:format("~0tp", [X]) || X <- A]),
    io:format("~0tp:~0tp(~ts)\t~w\t~0tp~n", [M, F, Args, Class, Result]).

chosen() ->
    Big = 1 bsl 80,
    Numbers = [0, 1, -1, 7, -7, 1 bsl 62, (1 bsl 63) - 1, -(1 bsl 63), Big, -Big, 0.0, -0.0, 1.5, -2.0, 1.0e308, 1 bsl 1023, 1 bsl 1024, a],
    Pairs = [[A, B] || A <- Numbers, B <- Numbers],
    Shifts = [0, 1, -1, 3, 63, 64, -64, 100, -100, -Big, 1.0, a],
    Any = [a, 1, 1.0, -1, Big, <<>>, <<1, 2>>, <<1:3>>, <<1, 2:3>>, {}, {a}, {a, b}, [], [1], [1 | 2], [1, 2 | 3], [a, b, c | d],
           [1, 2, 3], [1, 2.5], [a, {b}], [[], [[]]], "text", [960, 1], #{}, #{a => 1}, 'å€', '', -(Big)],
    Each = [[X] || X <- Any],
    Lists = [[X] || X <- [[2, 1], [1, 1, 2 | 3], [1, a | 2], [-0.0], [1.0e308, 1.0e308], [1 bsl 62, 1 bsl 62, -1], [Big, -Big, 1],
                          [Big, 0.5, a], [1.5, Big], [c, b, a], [3, {}, a, <<>>, [], #{}, 2.0, "s", <<1:1>>, {1}, -1],
                          [{b, 1}, {a, 2}, {a, 1}], [[2], [1, 1], [1]], [#{b => 1}, #{a => 2}], [200, 100, 300, 0]]],
    Io = [[X] || X <- [[1, <<2>>, [3 | <<4>>]], [256], [-1], [<<1:3>>], [<<1>> | <<2>>], [1 | 2], [[[[["deep"]]]]], [a], [1.0]]],
    [{erlang, Op, Pairs} || Op <- ['+', '-', '*', '/', 'div', 'rem']] ++
    [{erlang, 'bsl', [[A, B] || A <- Numbers, B <- Shifts]},
     {erlang, 'bsl', [[0, Big], [1, Big], [-1, Big], [a, Big], [1, 1 bsl 40]]},
     {erlang, abs, [[X] || X <- Numbers] ++ Each},
     {erlang, element, [[N, T] || N <- [0, 1, 2, 3, -1, Big, a, 1.0], T <- [{}, {a}, {a, b}, [a], a]]},
     {erlang, '++', [[A, B] || A <- [[], [1], [a], "ab", [1 | 2], a, {}], B <- [[], [1], [b], "cd", [3 | 4], a, {}]]},
     {erlang, node, [[]]},
     {binary, copy, [[B, N] || B <- [<<>>, <<1>>, <<"ab">>, <<1:3>>, a, [1]], N <- [0, 1, 3, -1, a, 1.0, -Big, Big]]},
     {lists, seq, [[A, B] || A <- [1, 5, -2, Big, a, 1.0], B <- [1, 4, 3, 5, 0, -1, Big + 2, 5.0, a], is_atom(A) or is_atom(B) orelse B - A < 10]},
     {lists, seq, [[250, 260], [Big, Big - 1], [Big, Big - 2], [(1 bsl 63) - 2, (1 bsl 63) + 1], [-(1 bsl 63) - 1, -(1 bsl 63) + 1]]},
     {lists, sum, Lists}, {lists, sort, Lists}, {lists, reverse, Lists}, {erlang, list_to_binary, Io},
     {timer, sleep, [[0], [1], [-1], [a], [1.0], [-Big], [[]]]}] ++
    [{M, F, Each} || {M, F} <- [{erlang, length}, {erlang, size}, {erlang, byte_size}, {erlang, hd}, {erlang, tl}, {erlang, tuple_size},
                                {erlang, atom_to_binary}, {erlang, atom_to_list}, {erlang, list_to_binary}, {erlang, binary_to_list},
                                {erlang, integer_to_binary}, {erlang, exit}, {erlang, throw}, {erlang, error},
                                {lists, reverse}, {lists, sum}, {lists, sort}]].

random(N) -> [{lists:nth(rand:uniform(6), ['+', '-', '*', '/', 'div', 'rem']), [number(), number()]} || _ <- lists:seq(1, N)].

%% Of every size, and both kinds.
number() ->
    Sign = 1 - 2 * (rand:uniform(2) - 1),
    case rand:uniform(4) of
        1 -> Sign * rand:uniform() * math:pow(10, rand:uniform(60) - 30);
        _ -> Sign * (rand:uniform(1 bsl rand:uniform(300)) - 1)
    end.
