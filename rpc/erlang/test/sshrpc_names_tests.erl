%% The names of nodes, their options, and the hosts that are known.
-module(sshrpc_names_tests).

-include_lib("eunit/include/eunit.hrl").

names_test_() ->
    Read = fun(Name) ->
        case sshrpc_target:read(Name) of
            {ok, #{user := User, host := Host, port := Port}} -> {User, Host, Port};
            {error, {bad_node, _, Why}} -> Why
        end
    end,
    [
        ?_assertEqual({Name, Expected}, {Name, Read(Name)})
     || {Name, Expected} <- [
            {"host", {default, "host", default}},
            {<<"alice@host:2222">>, {"alice", "host", 2222}},
            {"a@b@host", {"a@b", "host", default}},
            {"[::1]:2222", {default, "::1", 2222}},
            {"alice@[::1]", {"alice", "::1", default}},
            {"::1", {default, "::1", default}},
            {{"host", 22}, {default, "host", 22}},
            {{host, 22, [{user, "bob"}]}, {"bob", "host", 22}},
            {{{127, 0, 0, 1}, 22, #{user => "bob"}}, {"bob", "127.0.0.1", 22}},
            {"", "there is no host"},
            {"@host", "there is no user before the @"},
            {"alice@", "there is no host"},
            {"host:", "the port is no port"},
            {"host:0", "the port is no port"},
            {"host:65536", "the port is no port"},
            {"[::1", "the port is no port"},
            {"-oProxyCommand=x", "no host begins with a -"},
            {"ho st", "it has characters that no host and no user has"},
            {{"host", 0}, "the port is no port"},
            {{[], 22}, "there is no host"},
            {{"-x", 22}, "there is no host"}
        ]
    ].

options_test_() ->
    Read = fun(Options) -> sshrpc_target:read("host", Options) end,
    [
        ?_assertMatch({ok, #{atoms := existing}}, Read([{atoms, existing}])),
        ?_assertEqual(Read(#{}), Read(#{name => prod})),
        ?_assertEqual({error, {bad_option, {colour, red}}}, Read(#{colour => red})),
        ?_assertEqual({error, {bad_option, {connect_timeout, 0}}}, Read(#{connect_timeout => 0})),
        ?_assertEqual({error, {bad_option, {host_key, any}}}, Read(#{host_key => any})),
        ?_assertMatch({error, {bad_option, _}}, Read(none)),
        ?_assertMatch({error, {bad_option, {user_dir, _}}}, Read(#{transport => openssh, user_dir => "/x"}))
    ].

formats_test_() ->
    Again = fun(Name) ->
        {ok, Target} = sshrpc_target:read(Name),
        sshrpc_target:format(Target)
    end,
    [?_assertEqual(Name, Again(Name)) || Name <- ["host", "alice@host:2222", "[::1]:22", "alice@[::1]"]].

known_hosts_test_() ->
    {setup, fun() -> string:trim(os:cmd("mktemp")) end, fun file:delete/1, fun(File) ->
        Hashed = base64:encode(crypto:mac(hmac, sha, <<"salt">>, <<"[secret]:2222">>)),
        Text = [
            "# a comment\n\nhost,other ssh-ed25519 AAAA alice@work\n",
            "[host]:2222 ssh-rsa BBBB\n",
            "*.example,!bad.example ssh-ed25519 CCCC\n",
            "@revoked host ssh-rsa DDDD\n@cert-authority * ssh-ed25519 EEEE\n",
            ["|1|", base64:encode("salt"), "|", Hashed, " ssh-ed25519 FFFF\n"],
            "h?st ssh-ed25519 GGGG\nbroken\n|1|no|base64! ssh-ed25519 HHHH"
        ],
        ok = file:write_file(File, Text),
        Keys = fun(Host, Port) -> sshrpc_known_hosts:keys(File, Host, Port) end,
        New = {<<"ssh-ed25519">>, <<"NNNN">>},
        [
            ?_assertEqual(
                [
                    {known, <<"ssh-ed25519">>, <<"AAAA">>},
                    {revoked, <<"ssh-rsa">>, <<"DDDD">>},
                    {known, <<"ssh-ed25519">>, <<"GGGG">>}
                ],
                Keys("HOST", 22)
            ),
            ?_assertEqual([{known, <<"ssh-rsa">>, <<"BBBB">>}], Keys("host", 2222)),
            ?_assertEqual([{known, <<"ssh-ed25519">>, <<"CCCC">>}], Keys("good.example", 22)),
            ?_assertEqual([], Keys("bad.example", 22)),
            ?_assertEqual([], Keys("example", 22)),
            ?_assertEqual([{known, <<"ssh-ed25519">>, <<"FFFF">>}], Keys("secret", 2222)),
            ?_assertEqual([], Keys("secret", 22)),
            ?_assertEqual([], sshrpc_known_hosts:keys("/nowhere/known_hosts", "host", 22)),
            ?_test(begin
                ok = sshrpc_known_hosts:add(File, "new", 2222, New),
                ?assertEqual([{known, <<"ssh-ed25519">>, <<"NNNN">>}], Keys("new", 2222)),
                ?assertEqual([{known, <<"ssh-rsa">>, <<"BBBB">>}], Keys("host", 2222))
            end)
        ]
    end}.

%% Every reason has words, and none fails to be said.
words_test_() ->
    Reasons = [
        timeout, closed, no_subsystem, {closed, "why"}, {network, econnrefused}, {ssh, "text"}, {no_program, "p"},
        {host_key, {unknown, "SHA256:x", "f"}}, {host_key, {changed, "SHA256:x", "f"}}, {host_key, {revoked, "SHA256:x", "f"}},
        {host_key, {{other_than, "SHA256:y"}, "SHA256:x", "f"}}, {protocol, no_term}, {bad_node, {x}, "why"},
        {bad_option, x}, {no_name, x}, {name_in_use, x}, {not_started, x}
    ],
    [?_assertMatch([_ | _], sshrpc:format_error(Reason)) || Reason <- Reasons].
