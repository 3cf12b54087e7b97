%% @private The messages of docs/protocol.md as octets.
%%
%% Requests come here as elements that their callers encoded, and get their number here: what a caller has encoded is copied
%% no more. Of answers the number alone is read, by hand.
-module(sshrpc_message).

-export([hello/1, plain_call/1, request/3, cancel/1, part/3]).
-export([element_of/1, decode/2, is_part/1, answered/1]).
-export_type([octets/0]).

%% One term in external form, without the version in front.
-type octets() :: iodata().

-define(VERSION, 131).
-define(SMALL_TUPLE, 104).

%% {sshrpc, hello, Offer}
-spec hello(map()) -> iodata().
hello(Offer) ->
    term_to_binary({sshrpc, hello, Offer#{versions => [1]}}).

%% {mfa, {Module, Function, Args}}
-spec plain_call(octets()) -> iodata().
plain_call(Mfa) ->
    [<<?VERSION, ?SMALL_TUPLE, 2>>, element_of(mfa), Mfa].

%% {Tag, Id, Element, ...}
-spec request(atom(), non_neg_integer(), [octets()]) -> iodata().
request(Tag, Id, Elements) ->
    [<<?VERSION, ?SMALL_TUPLE, (2 + length(Elements))>>, element_of(Tag), element_of(Id) | Elements].

%% {cancel, Id}
-spec cancel(non_neg_integer()) -> iodata().
cancel(Id) ->
    request(cancel, Id, []).

%% {part, Serial, Size, Binary}
-spec part(pos_integer(), pos_integer(), binary()) -> iodata().
part(Serial, Size, Piece) ->
    [<<?VERSION, ?SMALL_TUPLE, 4>>, element_of(part), element_of(Serial), element_of(Size), element_of(Piece)].

%% A term as an element of a message.
-spec element_of(term()) -> octets().
element_of(Term) ->
    <<?VERSION, Octets/binary>> = term_to_binary(Term),
    Octets.

%% A term, unless it has atoms that are not there yet where those are not wanted.
-spec decode(binary(), all | existing) -> {ok, term()} | {error, badarg}.
%% What is compressed says how long it is, and this holds: it is not longer than any other message.
decode(<<?VERSION, 80, Size:32, _/binary>>, _Atoms) when Size > 67109888 ->
    {error, badarg};
decode(Octets, Atoms) ->
    Options =
        case Atoms of
            all -> [used];
            existing -> [used, safe]
        end,
    try binary_to_term(Octets, Options) of
        {Term, Used} when Used =:= byte_size(Octets) -> {ok, Term};
        {_Term, _Less} -> {error, badarg}
    catch
        error:badarg -> {error, badarg}
    end.

%% Whether it is `{part, ...}'.
-spec is_part(binary()) -> boolean().
is_part(Octets) ->
    case tag(Octets) of
        {<<"part">>, _Arity, _Rest} -> true;
        _ -> false
    end.

%% The number in `{answer, Id, Outcome}'.
-spec answered(binary()) -> {ok, non_neg_integer()} | error.
answered(Octets) ->
    case tag(Octets) of
        {<<"answer">>, 3, Rest} -> number(Rest);
        _ -> error
    end.

tag(<<?VERSION, ?SMALL_TUPLE, Arity, Rest/binary>>) ->
    case Rest of
        %% Atoms in UTF-8 and, of OTP 25 and before, in Latin-1.
        <<119, Size, Name:Size/binary, After/binary>> -> {Name, Arity, After};
        <<118, Size:16, Name:Size/binary, After/binary>> -> {Name, Arity, After};
        <<115, Size, Name:Size/binary, After/binary>> -> {Name, Arity, After};
        <<100, Size:16, Name:Size/binary, After/binary>> -> {Name, Arity, After};
        _ -> error
    end;
tag(_) ->
    error.

number(<<97, Id, _/binary>>) -> {ok, Id};
number(<<98, Id:32/signed, _/binary>>) when Id >= 0 -> {ok, Id};
number(<<110, Size, 0, Id:Size/little-unit:8, _/binary>>) when Size =< 8 -> {ok, Id};
number(_) -> error.
