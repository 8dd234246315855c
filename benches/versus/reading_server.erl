%% Answers a reading with itself, or counts it. ask/1 and tell/1 print the elapsed nanoseconds.
-module(reading_server).
-behaviour(gen_server).
-export([ask/1, tell/1, init/1, handle_call/3, handle_cast/2]).

init([]) -> {ok, 0}.

handle_call(count, _From, Count) -> {reply, Count, Count};
handle_call({reading, _, _, _} = Reading, _From, Count) -> {reply, Reading, Count + 1}.

handle_cast({reading, _, _, _}, Count) -> {noreply, Count + 1}.

reading(Number) -> {reading, <<"building-7/floor-3/room-1">>, Number, 21.37}.

ask(Times) -> run(Times, fun(Server, Number) ->
    {reading, _, Number, _} = gen_server:call(Server, reading(Number))
end).

tell(Times) -> run(Times, fun(Server, Number) -> gen_server:cast(Server, reading(Number)) end).

run(Times, Act) ->
    {ok, Server} = gen_server:start_link(?MODULE, [], []),
    Began = erlang:monotonic_time(nanosecond),
    lists:foreach(fun(Number) -> Act(Server, Number) end, lists:seq(1, Times)),
    Times = gen_server:call(Server, count, infinity),
    io:format("~p~n", [erlang:monotonic_time(nanosecond) - Began]).
