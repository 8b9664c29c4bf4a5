package tools_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
	"beckon/internal/units"
	"beckon/tools"
)

// What servers do wrong ends the call that it is about, and no other one. The next call goes well.
func TestTroubleEndsOneCall(t *testing.T) {
	for transport, start := range rawServers {
		for tool, want := range map[string]struct {
			code, says string
			unknown    bool
			limit      time.Duration // of a call; 0 is that of the server
		}{
			"long":    {code: tools.CodeToolFailed, says: "has more than 16 MiB"},
			"garbage": {code: tools.CodeToolFailed, says: "no message of JSON-RPC 2.0"},
			"weird":   {code: tools.CodeToolFailed, says: "no result of a tool"},
			"hang":    {code: tools.CodeToolTimeout, says: "has not answered within 1s", limit: time.Second},
			"die":     {code: tools.CodeToolOutcome, says: "what came of it is not known", unknown: true},
		} {
			t.Run(transport+" "+tool, func(t *testing.T) {
				s := start(t)
				if want.limit != 0 {
					s.Timeout = units.Duration(want.limit)
				}
				box := open(t, s.Server)
				goesWell(t, box)
				waited := make(chan string, 1)
				if s.raw != nil && want.limit == 0 {
					go func() {
						result, err := box.Call(t.Context(), tools.Use{Tool: "raw.wait"})
						waited <- result.Text + errorText(err)
					}()
					<-s.waiting
				} else {
					waited <- "waited"
				}
				result, err := box.Call(t.Context(), tools.Use{Tool: "raw." + tool})
				require.Error(t, err)
				require.Equal(t, want.code, problem.Of(err).Code, "%v", err)
				require.Contains(t, err.Error(), want.says)
				require.Equal(t, want.unknown, result.Unknown)
				goesWell(t, box)
				if s.raw != nil {
					close(s.released)
				}
				require.Equal(t, "waited", <-waited)
				if transport != "stdio" || tool != "weird" {
					require.NotEmpty(t, box.Status("raw").Notes)
				}
			})
		}
	}
}

// goesWell waits for a call that goes well: with a short time for calls, a machine that is busy may need several.
func goesWell(t *testing.T, box *tools.Toolbox) {
	t.Helper()
	require.Eventually(t, func() bool {
		result, err := box.Call(t.Context(), tools.Use{Tool: "raw.ok"})
		return err == nil && result.Text == "fine"
	}, time.Minute, time.Millisecond)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestErrorsOfServersAreTold(t *testing.T) {
	for transport, start := range rawServers {
		t.Run(transport, func(t *testing.T) {
			box := open(t, start(t).Server)
			result := call(t, box, "raw.error", "")
			require.True(t, result.IsError)
			require.Equal(t, "The server raw could not do it: the disk is full (error -32603)", result.Text)
			_, err := box.Call(t.Context(), tools.Use{Tool: "raw.none"})
			require.True(t, problem.Is(err, problem.NotFound))
		})
	}
}

func TestWhatServersAskForIsRefused(t *testing.T) {
	for _, transport := range []string{"sse", "stdio"} {
		t.Run(transport, func(t *testing.T) {
			box := open(t, rawServers[transport](t).Server)
			require.Equal(t, "asked", call(t, box, "raw.ask", "").Text)
			for _, what := range []string{"sampling/createMessage", "elicitation/create", "roots/list"} {
				require.Eventually(t, func() bool { return hasNote(box, what) }, 5*time.Second, time.Millisecond, what)
			}
		})
	}
}

func hasNote(box *tools.Toolbox, text string) bool {
	for _, n := range box.Status("raw").Notes {
		if strings.Contains(n.Text, text) {
			return true
		}
	}
	return false
}

func TestToolsThatChangeAreOffered(t *testing.T) {
	for _, transport := range []string{"sse", "stdio"} {
		t.Run(transport, func(t *testing.T) {
			box := open(t, rawServers[transport](t).Server)
			require.NotContains(t, namesOf(t, box, "raw"), "raw.new")
			call(t, box, "raw.change", "")
			require.Eventually(t, func() bool {
				_, err := box.Call(t.Context(), tools.Use{Tool: "raw.new"})
				return err == nil
			}, 5*time.Second, 10*time.Millisecond)
			require.Contains(t, namesOf(t, box, "raw"), "raw.new")
		})
	}
}

// An answer to a call that was never made is no answer: over stdio it is ignored, over HTTP it stands where the answer should be.
func TestAnswersToOtherCalls(t *testing.T) {
	for transport, says := range map[string]string{"json": "is to another call", "sse": "closed before the answer", "stdio": "has not answered within"} {
		t.Run(transport, func(t *testing.T) {
			s := rawServers[transport](t)
			s.Timeout = units.Duration(time.Second)
			box := open(t, s.Server)
			goesWell(t, box)
			_, err := box.Call(t.Context(), tools.Use{Tool: "raw.other"})
			require.ErrorContains(t, err, says)
			goesWell(t, box)
		})
	}
}

func TestLinesOfProgramsAreNotedWithoutSecrets(t *testing.T) {
	box := open(t, rawProgram(t).Server)
	require.Equal(t, "fine", call(t, box, "raw.ok", "").Text)
	require.Eventually(t, func() bool { return hasNote(box, "stderr: raw server with the token •••") }, 5*time.Second, time.Millisecond)
	require.True(t, hasNote(box, "no message of JSON-RPC: Welcome! This is no JSON."))
}

func TestServersThatAreNotThere(t *testing.T) {
	for name, c := range map[string]struct {
		server tools.Server
		says   string
	}{
		"no program":   {tools.Server{Command: []string{"no-such-program"}}, "is not in the PATH"},
		"no server":    {tools.Server{Command: []string{"true"}}, "the program has ended"},
		"none listens": {tools.Server{URL: "http://127.0.0.1:1/mcp"}, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			c.server.ID = "raw"
			box := open(t, c.server)
			require.Empty(t, box.Tools(t.Context(), []string{"raw.*"}, []string{"raw.*"}))
			_, err := box.Call(t.Context(), tools.Use{Tool: "raw.x"})
			require.Equal(t, tools.CodeToolUnavailable, problem.Of(err).Code)
			require.ErrorContains(t, err, c.says)
			status := box.Status("raw")
			require.Equal(t, tools.StateFailed, status.State)
			require.Contains(t, status.Failure, c.says)
		})
	}
}

func TestServersThatAreTakenOutEnd(t *testing.T) {
	box := open(t, rawProgram(t).Server)
	require.Equal(t, "fine", call(t, box, "raw.ok", "").Text)
	child := onlyChild(t)
	box.Use([]tools.Server{rawProgram(t).Server})
	require.Equal(t, child, onlyChild(t), "a server that has not changed stays")
	box.Use(nil)
	require.Eventually(t, func() bool { return len(childrenOf(t, os.Getpid())) == 0 }, 10*time.Second, 10*time.Millisecond)
	_, err := box.Call(t.Context(), tools.Use{Tool: "raw.ok"})
	require.True(t, problem.Is(err, problem.NotFound))

	disabled := rawProgram(t).Server
	disabled.Disabled = true
	box.Use([]tools.Server{disabled})
	require.Empty(t, box.Tools(t.Context(), []string{"raw.*"}, []string{"raw.*"}))
	_, err = box.Call(t.Context(), tools.Use{Tool: "raw.ok"})
	require.ErrorContains(t, err, "disabled")
	require.Equal(t, tools.StateDisabled, box.Status("raw").State)
}

// A server that dies with each call is left alone for longer and longer, and calls do not wait for that.
func TestAServerThatKeepsDyingIsLeftAlone(t *testing.T) {
	box := open(t, rawProgram(t).Server)
	require.Eventually(t, func() bool {
		_, err := box.Call(t.Context(), tools.Use{Tool: "raw.die"})
		return problem.Of(err).Code == tools.CodeToolUnavailable && strings.Contains(err.Error(), "have ended soon after they began (the next attempt is in ")
	}, time.Minute, time.Millisecond)
	require.False(t, box.Status("raw").NextTry.IsZero())
	require.Equal(t, tools.StateConnected, box.Connect(t.Context(), "raw").State, "somebody who asks is not told to wait")
}
