package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/bench/load"
	"beckon/bench/process"
	"beckon/bench/report"
	beckon "beckon/gateway"
	"beckon/internal/freeport"
)

// TestMain lets the test binary be the floors, as the program itself is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && role(os.Args[1]) != nil {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestFloorsAnswer(t *testing.T) {
	l := &lab{folder: t.TempDir()}
	var err error
	l.stub, err = l.startStub(t.Context())
	require.NoError(t, err)
	bare, err := l.startBare(t.Context())
	require.NoError(t, err, "starting a floor includes a call")
	require.Equal(t, 1, bare.answered)
	require.Positive(t, bare.ready)

	require.NoError(t, l.close())
	require.ErrorContains(t, bare.try(t.Context()), "502 Bad Gateway", "it does ask the stub")
	require.NoError(t, bare.Stop())
}

func TestAServerWithTheWrongAnswerIsNotMeasured(t *testing.T) {
	l := &lab{folder: t.TempDir()}
	address, err := freeport.Address()
	require.NoError(t, err)
	_, err = l.start(t.Context(), process.Command{Name: "a server", Path: os.Args[0], Args: []string{"stub", "-address", address}},
		address, "/ready", load.Target{URL: "/v1/embeddings", Body: chatBody})
	require.ErrorContains(t, err, "a server: a call was answered with 404 Not Found")
}

func TestGatewayConfigIsValid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "beckon.yaml")
	require.NoError(t, os.WriteFile(path, gatewayConfig("127.0.0.1:9000", "sqlite:data/beckon.db", "http://127.0.0.1:9001/v1", "mgc_"+strings.Repeat("0", 52)), 0o600))
	_, err := beckon.Load(path)
	require.NoError(t, err)
	require.Equal(t, []string{"PATH=/bin", "HOME=/"}, withoutSettings([]string{"PATH=/bin", "BECKON_LOG_LEVEL=debug", "HOME=/"}))
}

func TestCheckRuns(t *testing.T) {
	for _, test := range []struct {
		statuses string
		answered int
		want     string
	}{
		{"COMPLETED COMPLETED", 2, ""},
		{"COMPLETED", 2, "the gateway answered 2 calls, and has 1 runs on record, of which 1 are completed"},
		{"COMPLETED RUNNING", 2, "the gateway answered 2 calls, and has 2 runs on record, of which 1 are completed"},
		{"COMPLETED COMPLETED FAILED", 2, "the gateway answered 2 calls, and has 3 runs on record, of which 2 are completed"},
	} {
		t.Run(test.statuses, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a folder", "beckon.db")
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
			db, err := sql.Open("sqlite", path+"?_pragma=journal_mode(WAL)")
			require.NoError(t, err)
			_, err = db.Exec("CREATE TABLE runs (status TEXT)")
			require.NoError(t, err)
			for status := range strings.FieldsSeq(test.statuses) {
				_, err = db.Exec("INSERT INTO runs VALUES (?)", status)
				require.NoError(t, err)
			}
			require.NoError(t, db.Close())
			err = checkRuns(t.Context(), path, test.answered)
			if test.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, test.want)
			}
		})
	}
	missing := filepath.Join(t.TempDir(), "beckon.db")
	require.Error(t, checkRuns(t.Context(), missing, 0))
	require.NoFileExists(t, missing)
}

func TestJudge(t *testing.T) {
	measured := map[string]*series{
		stubName:    {p50s: []float64{.1, .2}},
		nginxName:   {rates: []float64{20_000, 10_000}, p99s: []float64{4, 8}},
		bareName:    {rates: []float64{8_000, 4_000}},
		gatewayName: {rates: []float64{4_000, 2_000}, p50s: []float64{.9, 1}, p99s: []float64{16, 48}},
	}
	require.Equal(t, []string{"p50 above the stub alone, 1 connection: 0.80 ms, at most 0.45 ms, missed"}, lines(judge(1, measured)))
	require.Equal(t, []string{
		"of nginx's requests/s, 32 connections: 0.200, at least 0.250, missed",
		"of the bare handler's requests/s, 32 connections: 0.500, at least 0.400, ok",
		"p99 beside nginx's, 32 connections: 5.0 ×, at most 3.0 ×, missed",
	}, lines(judge(32, measured)))
	require.Empty(t, judge(128, measured))
}

func TestGrowth(t *testing.T) {
	steady := growth(30e6, []float64{50e6, 42e6, 42e6, 42.5e6}, 100_000)
	require.Equal(t, [][]string{{"before the first call", "30.0 MB"}, {"at its highest", "50.0 MB"}, {"after 50,000 calls", "42.0 MB"}, {"after 100,000 calls", "42.5 MB"}}, steady.Rows)
	require.Equal(t, []string{"memory after 100,000 calls: 42.5 MB, at most 60.0 MB, ok", "growth from 50,000 to 100,000 calls: 0.5 MB, at most 1.0 MB, ok"}, lines(steady.Verdicts))
	leaking := growth(30e6, []float64{50e6, 70e6, 90e6, 110e6}, 100_000)
	require.Len(t, report.Missed([]report.Section{leaking}), 2)
}

func TestParse(t *testing.T) {
	o, err := parse(nil)
	require.NoError(t, err)
	require.Equal(t, "docs/performance.md", o.page)
	require.Equal(t, 100_000, o.pace.calls)
	for _, args := range []string{"-quick", "-only=memory,startup"} {
		o, err := parse([]string{args})
		require.NoError(t, err)
		require.Empty(t, o.page, "a part of the measurement doesn't replace the whole")
	}
	for _, args := range []string{"-only=throughputs", "quick"} {
		_, err := parse([]string{args})
		require.Error(t, err)
	}
}

func TestWithoutTheGatewayNothingIsMeasured(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	require.ErrorContains(t, run(ctx, []string{"-beckon", filepath.Join(t.TempDir(), "beckon")}), "run make build")
}

func lines(verdicts []report.Verdict) []string {
	var all []string
	for _, v := range verdicts {
		all = append(all, fmt.Sprintf("%s: %s, %s, %s", v.What, v.Value, v.Target, v.Result()))
	}
	return all
}

func TestConfigOfTheFloodedGatewayIsValid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "beckon.yaml")
	config := append(gatewayConfig("127.0.0.1:9000", "sqlite:data/beckon.db", "http://127.0.0.1:9001/v1", "mgc_"+strings.Repeat("0", 52)), floodedConfig...)
	require.NoError(t, os.WriteFile(path, config, 0o600))
	_, err := beckon.Load(path)
	require.NoError(t, err)
}

func TestToolsAreCalledBothWays(t *testing.T) {
	l := &lab{}
	l.rounds = 1
	found, err := callTools(t.Context(), l)
	require.NoError(t, err)
	require.Len(t, found.Rows, 3)
	require.Len(t, found.Verdicts, 1)
}
