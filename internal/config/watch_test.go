package config

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// watched runs Watch on a script: each source answers with its next fingerprint at every look.
func watched(t *testing.T, reloads []error, scripts ...[]any) (calls []time.Duration, log string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var sources []Source
		for i, script := range scripts {
			looks := 0
			sources = append(sources, Source{Name: string(rune('a' + i)), Known: "old", Look: func(context.Context) (string, error) {
				answer := script[min(looks, len(script)-1)]
				looks++
				if err, failed := answer.(error); failed {
					return "", err
				}
				return answer.(string), nil
			}})
		}
		var out bytes.Buffer
		started := time.Now()
		reload := func(context.Context) error {
			calls = append(calls, time.Since(started))
			if len(calls) <= len(reloads) {
				return reloads[len(calls)-1]
			}
			return nil
		}
		var done sync.WaitGroup
		done.Go(func() { Watch(ctx, time.Second, slog.New(slog.NewTextHandler(&out, nil)), reload, sources...) })
		time.Sleep(10 * time.Second) // of the bubble's clock
		stop()
		done.Wait()
		log = out.String()
	})
	return calls, log
}

func TestWatchReloads(t *testing.T) {
	const s = time.Second
	gone, bad, down := errors.New("gone"), &Error{Mistakes: []Mistake{{Path: "x", Text: "is wrong"}}}, errors.New("down")
	for _, tt := range []struct {
		name    string
		reloads []error
		sources [][]any
		want    []time.Duration
		logged  map[string]int
	}{
		{"nothing changes", nil, [][]any{{"old"}}, nil, nil},
		{"a change is applied once", nil, [][]any{{"old", "new"}}, []time.Duration{2 * s}, nil},
		{"every change counts", nil, [][]any{{"new", "new", "old"}}, []time.Duration{1 * s, 3 * s}, nil},
		{"two causes at once are one reload", nil, [][]any{{"old", "new"}, {"old", "new"}}, []time.Duration{2 * s}, nil},
		{"either cause", nil, [][]any{{"old", "new"}, {"old", "old", "new"}}, []time.Duration{2 * s, 3 * s}, nil},
		{"a source that fails has not changed", nil, [][]any{{gone, gone, "old", gone}}, nil, map[string]int{"gone": 2}},
		{"the other source goes on", nil, [][]any{{gone}, {"new"}}, []time.Duration{1 * s}, map[string]int{"gone": 1}},
		{"a bad file waits for the next change", []error{bad}, [][]any{{"new", "new", "newer"}}, []time.Duration{1 * s, 3 * s}, map[string]int{"is wrong": 1}},
		{"the same mistake in a new file is said again", []error{bad, bad}, [][]any{{"new", "newer"}}, []time.Duration{1 * s, 2 * s}, map[string]int{"is wrong": 2}},
		{"other errors are tried again", []error{down, down}, [][]any{{"new"}}, []time.Duration{1 * s, 2 * s, 3 * s}, map[string]int{"down": 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calls, log := watched(t, tt.reloads, tt.sources...)
			require.Equal(t, tt.want, calls)
			for text, times := range tt.logged {
				require.Equal(t, times, strings.Count(log, text), log)
			}
			if tt.logged == nil {
				require.Empty(t, log)
			}
		})
	}
}

func TestWatchStopsWithinALook(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	looked := make(chan struct{}, 1)
	source := Source{Name: "s", Look: func(ctx context.Context) (string, error) {
		looked <- struct{}{}
		<-ctx.Done()
		return "", ctx.Err()
	}}
	var out bytes.Buffer
	var done sync.WaitGroup
	done.Go(func() {
		Watch(ctx, time.Millisecond, slog.New(slog.NewTextHandler(&out, nil)), func(context.Context) error { return nil }, source)
	})
	<-looked
	stop()
	done.Wait()
	require.Empty(t, out.String(), "the end is not an error")
}

func TestFileSource(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(t *testing.T, path string)
		want   string // the content that is in force after two looks
		err    string
	}{
		"nothing":   {func(*testing.T, string) {}, "log: {}", ""},
		"written":   {func(t *testing.T, path string) { overwrite(t, path, "log: {level: warn}") }, "log: {level: warn}", ""},
		"same size": {func(t *testing.T, path string) { overwrite(t, path, "egres: ") }, "egres: ", ""},
		"renamed over": {func(t *testing.T, path string) {
			overwrite(t, path+"~", "retention: {}")
			require.NoError(t, os.Rename(path+"~", path))
		}, "retention: {}", ""},
		"removed":  {func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }, "", "the configuration file cannot be read: no such file or directory"},
		"emptied":  {func(t *testing.T, path string) { overwrite(t, path, " \n") }, "", "the configuration file is empty"},
		"touched":  {func(t *testing.T, path string) { require.NoError(t, os.Chtimes(path, time.Now(), time.Now())) }, "log: {}", ""},
		"replaced": {func(t *testing.T, path string) { require.NoError(t, os.Remove(path)); overwrite(t, path, "log: {}") }, "log: {}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "log: {}")
			c, err := Load(path, vars{}.get, nouns(nil))
			require.NoError(t, err)
			source := FileSource(c)
			first, err := source.Look(t.Context())
			require.NoError(t, err)
			require.Equal(t, source.Known, first)

			tt.change(t, path)
			now, err := source.Look(t.Context())
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, source.Known, now, "one look is not enough: the writer may not be done")
			now, err = source.Look(t.Context())
			require.NoError(t, err)
			require.Equal(t, hashOf([]byte(tt.want)), now)
		})
	}
}

// Kubernetes mounts a ConfigMap as config.yaml → ..data/config.yaml, with ..data → ..first, and swaps ..data.
func TestFileSourceFollowsSwappedLinks(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{"..first": "log: {level: info}", "..other": "log: {level: warn}"} {
		require.NoError(t, os.Mkdir(filepath.Join(folder, name), 0o700))
		overwrite(t, filepath.Join(folder, name, "config.yaml"), content)
	}
	path, data := filepath.Join(folder, "config.yaml"), filepath.Join(folder, "..data")
	require.NoError(t, os.Symlink("..first", data))
	require.NoError(t, os.Symlink("..data/config.yaml", path))
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"..first", "..other"} {
		require.NoError(t, os.Chtimes(filepath.Join(folder, name, "config.yaml"), old, old))
	}
	c, err := Load(path, vars{}.get, nouns(nil))
	require.NoError(t, err)
	source := FileSource(c)
	for range 3 {
		now, err := source.Look(t.Context())
		require.NoError(t, err)
		require.Equal(t, source.Known, now)
	}
	require.NoError(t, os.Symlink("..other", data+"_tmp"))
	require.NoError(t, os.Rename(data+"_tmp", data))
	_, err = source.Look(t.Context())
	require.NoError(t, err)
	now, err := source.Look(t.Context())
	require.NoError(t, err)
	require.Equal(t, hashOf([]byte("log: {level: warn}")), now)
}

// A real file: the new content is in force within two seconds, the bad one in between is not. The seconds are those of the
// bubble's clock, so that a machine that is busy with something else does not count.
func TestAChangedFileIsPickedUp(t *testing.T) {
	path := write(t, "log: {level: info}")
	synctest.Test(t, func(t *testing.T) { pickUp(t, path) })
}

func pickUp(t *testing.T, path string) {
	c, err := Load(path, vars{}.get, nouns(nil))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	levels, failed := make(chan string, 10), make(chan error, 10)
	reload := func(context.Context) error {
		next, err := Load(path, vars{}.get, nouns(nil))
		if err != nil {
			failed <- err
			return err
		}
		levels <- next.Log.Level
		return nil
	}
	var done sync.WaitGroup
	done.Go(func() { Watch(ctx, PollInterval, slog.New(slog.DiscardHandler), reload, FileSource(c)) })
	defer done.Wait()
	defer stop()

	overwrite(t, path, "log: {level: loud}")
	require.ErrorContains(t, within(t, failed), path+":1: log.level: must be debug, info, warn or error")
	overwrite(t, path, "log: {level: error}")
	require.Equal(t, "error", within(t, levels))
}

func within[T any](t *testing.T, events chan T) T {
	t.Helper()
	select {
	case event := <-events:
		return event
	case <-time.After(2 * time.Second):
		t.Fatal("nothing within two seconds")
		panic("unreachable")
	}
}

func overwrite(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}
