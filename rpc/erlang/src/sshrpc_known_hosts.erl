%% @private OpenSSH's known_hosts files: which keys a host has, and new hosts.
-module(sshrpc_known_hosts).

-export([keys/3, add/4]).
-export_type([known/0]).

%% A key as it stands in the file: its type, and the key itself in base64.
-type known() :: {known | revoked, Type :: binary(), Key :: binary()}.

%% The keys of this host. No file is an empty one. What is not understood counts for nobody, authorities of certificates
%% neither: Erlang's ssh knows none.
-spec keys(file:name_all(), string(), inet:port_number()) -> [known()].
keys(File, Host, Port) ->
    case file:read_file(File) of
        {ok, Text} ->
            Name = iolist_to_binary(name(Host, Port)),
            lists:append([line(string:lexemes(Line, " \t\r"), Name) || Line <- binary:split(Text, <<"\n">>, [global])]);
        {error, _} ->
            []
    end.

%% Adds a host.
-spec add(file:name_all(), string(), inet:port_number(), {binary(), binary()}) -> ok | {error, file:posix() | badarg | terminated | system_limit}.
add(File, Host, Port, {Type, Key}) ->
    Line = [name(Host, Port), " ", Type, " ", Key, "\n"],
    case make_directory(filename:dirname(File)) of
        ok ->
            %% A last line that somebody did not end stays a line of its own.
            case file:read_file(File) of
                {ok, Text} when Text =/= <<>> ->
                    case binary:last(Text) of
                        $\n -> file:write_file(File, Line, [append]);
                        _ -> file:write_file(File, ["\n", Line], [append])
                    end;
                _ ->
                    file:write_file(File, Line, [append])
            end;
        {error, Reason} ->
            {error, Reason}
    end.

%% For its user alone, if it is not there: as OpenSSH makes `~/.ssh'.
make_directory(Directory) ->
    case filelib:is_dir(Directory) of
        true ->
            ok;
        false ->
            case filelib:ensure_dir(filename:join(Directory, "known_hosts")) of
                ok -> file:change_mode(Directory, 8#700);
                {error, Reason} -> {error, Reason}
            end
    end.

name(Host, 22) -> string:lowercase(Host);
name(Host, Port) -> ["[", string:lowercase(Host), "]:", integer_to_list(Port)].

line([<<"#", _/binary>> | _], _Name) -> [];
line([<<"@revoked">>, Patterns, Type, Key | _], Name) -> entry(revoked, Patterns, Type, Key, Name);
line([<<"@", _/binary>> | _], _Name) -> [];
line([Patterns, Type, Key | _], Name) -> entry(known, Patterns, Type, Key, Name);
line(_, _Name) -> [].

entry(Marker, Patterns, Type, Key, Name) ->
    Matching = [Pattern || Pattern <- binary:split(Patterns, <<",">>, [global]), matches(Pattern, Name)],
    Excluded = lists:any(fun(Pattern) -> binary:first(Pattern) =:= $! end, Matching),
    [{Marker, Type, Key} || Matching =/= [], not Excluded].

matches(<<"|1|", Hashed/binary>>, Name) ->
    case binary:split(Hashed, <<"|">>) of
        [Salt, Hash] ->
            try
                crypto:mac(hmac, sha, base64:decode(Salt), Name) =:= base64:decode(Hash)
            catch
                error:_ -> false
            end;
        _ ->
            false
    end;
matches(<<"!", Pattern/binary>>, Name) ->
    matches(Pattern, Name);
matches(Pattern, Name) ->
    wild(unicode:characters_to_list(string:lowercase(Pattern)), unicode:characters_to_list(Name)).

%% `*' stands for any characters, `?' for one.
wild("*" ++ Pattern, Name) ->
    wild(Pattern, Name) orelse (Name =/= [] andalso wild([$* | string:trim(Pattern, leading, "*")], tl(Name)));
wild([$? | Pattern], [_ | Name]) ->
    wild(Pattern, Name);
wild([Same | Pattern], [Same | Name]) ->
    wild(Pattern, Name);
wild(Pattern, Name) ->
    Pattern =:= [] andalso Name =:= [].
