package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"beckon/internal/freeport"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be the server that the tests start.
func TestMain(m *testing.M) {
	switch os.Getenv("PROCESS_TEST_ROLE") {
	case "":
		os.Exit(m.Run())
	case "fail":
		fmt.Println("no such luck")
		os.Exit(3)
	case "serve":
		l, err := net.Listen("tcp", os.Getenv("PROCESS_TEST_ADDRESS"))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("listening")
		mux := http.NewServeMux()
		mux.HandleFunc("/ready", func(http.ResponseWriter, *http.Request) {})
		_ = http.Serve(l, mux)
	}
}

func start(t *testing.T, role string) (*Process, string) {
	address, err := freeport.Address()
	require.NoError(t, err)
	p, err := Start(t.Context(), Command{Name: "the server", Path: os.Args[0], Log: filepath.Join(t.TempDir(), "log"),
		Env: append(os.Environ(), "PROCESS_TEST_ROLE="+role, "PROCESS_TEST_ADDRESS="+address)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Stop() })
	return p, "http://" + address
}

func TestFromStartToStop(t *testing.T) {
	p, url := start(t, "serve")
	require.NoError(t, p.Ready(t.Context(), url+"/ready"))
	memory, err := p.Memory()
	require.NoError(t, err)
	require.Greater(t, memory, int64(1<<20))
	require.NoError(t, p.Stop())
	_, err = p.Memory()
	require.Error(t, err, "the process is gone")
}

func TestAServerThatEndsIsAnErrorWithItsLog(t *testing.T) {
	p, url := start(t, "fail")
	require.EqualError(t, p.Ready(t.Context(), url), "the server: it ended before it was ready; its log ends with\nno such luck")
	<-p.done
	require.EqualError(t, p.Stop(), "the server: it ended by itself; its log ends with\nno such luck")
}

func TestOnly200IsReady(t *testing.T) {
	p, url := start(t, "serve")
	require.NoError(t, p.Ready(t.Context(), url+"/ready"))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	require.ErrorContains(t, p.Ready(ctx, url+"/missing"), "the server: enough; its log ends with\nlistening")
}

func TestTheEndOfTheContextEndsTheServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address, err := freeport.Address()
	require.NoError(t, err)
	p, err := Start(ctx, Command{Name: "the server", Path: os.Args[0], Log: filepath.Join(t.TempDir(), "log"),
		Env: append(os.Environ(), "PROCESS_TEST_ROLE=serve", "PROCESS_TEST_ADDRESS="+address)})
	require.NoError(t, err)
	require.NoError(t, p.Ready(ctx, "http://"+address+"/ready"))
	cancel()
	<-p.done
}

func TestPeakDuring(t *testing.T) {
	p, url := start(t, "serve")
	require.NoError(t, p.Ready(t.Context(), url+"/ready"))
	peak, err := p.PeakDuring(t.Context(), func(context.Context) error { return nil })
	require.NoError(t, err)
	require.Greater(t, peak, int64(1<<20))
	_, err = p.PeakDuring(t.Context(), func(context.Context) error { return errors.New("the load failed") })
	require.ErrorContains(t, err, "the load failed")
}

func TestResident(t *testing.T) {
	memory, err := resident([]byte("Name:\tbeckon\nVmHWM:\t   99999 kB\nVmRSS:\t   38912 kB\nRssAnon:\t   1 kB\n"))
	require.NoError(t, err)
	require.Equal(t, int64(38912*1024), memory)
	_, err = resident([]byte("Name:\tbeckon\nState:\tZ (zombie)\n"))
	require.EqualError(t, err, "the process has no memory: it has ended")
	_, err = resident([]byte("VmRSS:\t lots kB\n"))
	require.ErrorContains(t, err, "read VmRSS")
}

func TestCPUOf(t *testing.T) {
	took, err := cpuOf([]byte("4711 (bec) kon) S 1 4711 4711 0 -1 4194560 1 0 0 0 250 50 7 8 20 0 9 0 100 1 1"))
	require.NoError(t, err)
	require.Equal(t, 3*time.Second, took)
	_, err = cpuOf([]byte("4711 (beckon) S 1"))
	require.Error(t, err)
}
