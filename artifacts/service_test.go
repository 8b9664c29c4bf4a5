package artifacts_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"

var maker = artifacts.Maker{RunID: "run_1", ClientID: "ci", NodeID: "painter"}

// clock is a time that stands still until a test moves it.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{time.Date(2026, 2, 18, 12, 0, 0, 0, time.UTC)} }

func newService(t testing.TB, s *store.Store, change ...func(*artifacts.Config)) (service *artifacts.Service, folder string) {
	folder = filepath.Join(t.TempDir(), "artifacts")
	config := artifacts.Config{Store: s, Log: slog.New(slog.DiscardHandler), URL: folder, PublicURL: "https://example.com/beckon", Now: newClock().now,
		Key: func() (secret.String, error) { return "key", nil }}
	for _, c := range change {
		c(&config)
	}
	service, err := artifacts.New(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, service.Close()) })
	return service, folder
}

func save(t testing.TB, s *artifacts.Service, name, mediaType, content string) agents.Artifact {
	a, err := s.Save(t.Context(), maker, name, mediaType, strings.NewReader(content))
	require.NoError(t, err)
	return a
}

// addRun puts a run on record that has ended, or goes on.
func addRun(t testing.TB, s *store.Store, id string, ended bool) {
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
		row := tx.NewRow("runs")
		for name, value := range map[string]string{"id": id, "status": "RUNNING", "client_id": "ci", "workflow_id": "painter", "kind": "agent", "source": "api", "input": "in"} {
			row.Text(name, value)
		}
		row.Number("created_at", 1)
		if ended {
			row.Number("completed_at", 2)
		}
		return row.Insert()
	}))
}

func keep(t testing.TB, s *store.Store, service *artifacts.Service, list ...agents.Artifact) {
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return service.Keep(tx, maker.RunID, list) }))
}

// files are what is in a folder, temporary files too.
func files(t testing.TB, folder string) (list []string) {
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, d.Name())
		}
		return err
	})
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(t, err)
	}
	return list
}

func states(t testing.TB, s *store.Store) []string {
	return storetest.Rows[string](t, s, "SELECT state FROM artifacts ORDER BY id")
}

func TestWhatIsSavedIsThere(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		service, folder := newService(t, s)
		require.NoDirExists(t, folder, "it is made when it is needed")
		content := png + strings.Repeat("pixels", 100_000)
		a := save(t, service, "cat.png", "image/png", content)
		sum := sha256.Sum256([]byte(content))
		require.Equal(t, agents.Artifact{ID: a.ID, Name: "cat.png", MediaType: "image/png", Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), NodeID: "painter"}, a)

		r, opened, err := service.Open(t.Context(), "ci", a.ID)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, errors.Join(err, r.Close()))
		require.Equal(t, a, opened)
		require.True(t, content == string(got))
		_, _, err = service.Open(t.Context(), "other", a.ID)
		require.True(t, problem.Is(err, problem.NotFound), "it is another client's")

		_, err = service.Get(t.Context(), a.ID)
		require.True(t, problem.Is(err, problem.NotFound), "no run names it so far")
		addRun(t, s, maker.RunID, false)
		keep(t, s, service, a)
		found, err := service.Get(t.Context(), a.ID)
		require.NoError(t, err)
		require.Equal(t, a, found.Artifact)
		list, err := service.Of(s.Read(t.Context()), maker.RunID)
		require.NoError(t, err)
		require.Equal(t, []agents.Artifact{a}, list)
		require.True(t, storetest.Row[bool](t, s, "SELECT has_artifacts FROM runs"))

		stats, err := service.Stats(t.Context(), time.Now().Add(-time.Hour))
		require.NoError(t, err)
		require.Equal(t, artifacts.Stats{Count: 1, Bytes: a.Bytes}, stats)
		stats, err = service.Stats(t.Context(), time.Now().Add(time.Hour))
		require.NoError(t, err)
		require.Zero(t, stats)
	})
}

func TestATooLargeArtifactLeavesNothing(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	service, folder := newService(t, s, func(c *artifacts.Config) { c.MaxBytes = 100 << 10 })
	save(t, service, "fits", "", strings.Repeat("x", 100<<10))
	_, err := service.Save(t.Context(), maker, "large", "", strings.NewReader(strings.Repeat("x", 100<<10+1)))
	require.Equal(t, problem.CodeArtifactTooLarge, problem.Of(err).Code)
	require.Contains(t, problem.Of(err).Detail, "100KiB")
	require.Contains(t, problem.Of(err).Detail, "artifacts.maxBytes")
	require.Len(t, files(t, folder), 1)
	require.Equal(t, []string{"SAVED"}, states(t, s))
}

// brokenReader is a download that breaks off.
type brokenReader struct{ begin io.Reader }

var errBroken = errors.New("connection reset")

func (r brokenReader) Read(p []byte) (int, error) {
	n, err := r.begin.Read(p)
	if err == io.EOF {
		err = errBroken
	}
	return n, err
}

func TestASaveThatFailsLeavesNothing(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	service, folder := newService(t, s)
	for _, size := range []int{0, 10, 100_000} {
		_, err := service.Save(t.Context(), maker, "x", "", brokenReader{strings.NewReader(strings.Repeat("x", size))})
		require.ErrorIs(t, err, errBroken)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	canceled := errors.New("the run was canceled")
	_, err := service.Save(ctx, maker, "x", "", io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), readerFunc(func([]byte) (int, error) {
		cancel(canceled)
		return 0, io.EOF
	})))
	require.ErrorIs(t, err, canceled)
	require.Empty(t, files(t, folder))
	require.Empty(t, states(t, s))
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestTypesFollowTheContent(t *testing.T) {
	service, _ := newService(t, storetest.Open(t, storetest.SQLite(t)))
	mp4 := "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
	for _, tt := range []struct{ name, said, content, mediaType, saved string }{
		{"cat.png", "image/png", png, "image/png", "cat.png"},
		{"", "", png, "image/png", "artifact.png"},
		{"lie.png", "image/png", "<!doctype html><script>alert(1)</script>", "text/html", "lie.png"},
		{"lie.png", "image/png", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, "image/svg+xml", "lie.png"},
		{"lie.html", "text/html", png, "image/png", "lie.html"},
		{"a.js", "text/javascript", "alert(1)", "text/plain", "a.js"},
		{"a.json", "application/json", `{"a":1}`, "text/plain", "a.json"},
		{"a.xml", "application/xml", `<?xml version="1.0"?><a/>`, "text/plain", "a.xml"},
		{"", "", "", "text/plain", "artifact.txt"},
		{"", "video/mp4", mp4, "video/mp4", "artifact.mp4"},
		{"", "audio/mp4", mp4, "audio/mp4", "artifact.mp4"},
		{"", "image/mp4", mp4, "video/mp4", "artifact.mp4"},
		{"", "", "ID3\x03\x00\x00\x00\x7f\x7f\x7f" + strings.Repeat("\x00", 4096), "audio/mpeg", "artifact.mp3"},
		{"", "image/png", "\x00\x01\x02\x03", "application/octet-stream", "artifact"},
		{"../../etc/passwd", "", "x", "text/plain", "passwd"},
		{`C:\a\b.txt`, "", "x", "text/plain", "b.txt"},
		{"..", "", "x", "text/plain", "artifact.txt"},
		{"a\r\nSet-Cookie: x\u202egnp.txt\x00\xff", "", "x", "text/plain", "aSet-Cookie: xgnp.txt"},
		{strings.Repeat("ü", 500), "", "x", "text/plain", strings.Repeat("ü", 200)},
	} {
		a := save(t, service, tt.name, tt.said, tt.content)
		require.Equal(t, tt.mediaType, a.MediaType, "%q as %q", tt.content, tt.said)
		require.Equal(t, tt.saved, a.Name)
	}
}

func TestSavesAtTheSameTime(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		service, folder := newService(t, s)
		addRun(t, s, maker.RunID, false)
		var wg sync.WaitGroup
		list := make([]agents.Artifact, 30)
		for i := range list {
			wg.Go(func() {
				a, err := service.Save(context.Background(), maker, fmt.Sprint(i), "", strings.NewReader(strings.Repeat(fmt.Sprint(i), 20_000)))
				if err != nil {
					t.Error(err)
				}
				list[i] = a
			})
		}
		wg.Wait()
		keep(t, s, service, list...)
		require.Len(t, files(t, folder), len(list))
		for i, a := range list {
			r, _, err := service.Open(t.Context(), "ci", a.ID)
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, errors.Join(err, r.Close()))
			require.Equal(t, strings.Repeat(fmt.Sprint(i), 20_000), string(got))
		}
	})
}

// Two replicas share a database, a folder and a key, and nothing else.
func TestAReplicaOpensWhatAnotherHasSaved(t *testing.T) {
	url := storetest.Postgres(t)
	one, two := storetest.Open(t, url), storetest.Open(t, url)
	saving, folder := newService(t, one)
	serving, _ := newService(t, two, func(c *artifacts.Config) { c.URL = "file://" + folder })
	addRun(t, one, maker.RunID, false)
	a := save(t, saving, "cat.png", "", png)
	keep(t, one, saving, a)
	answer := get(t, serving, saving.Link(a.ID).URL)
	require.Equal(t, 200, answer.Code)
	require.Equal(t, png, answer.Body.String())
}

func TestNothingIsLeftOfWhatNobodyNeeds(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		at := newClock()
		service, folder := newService(t, s, func(c *artifacts.Config) { c.Now = at.now })
		addRun(t, s, maker.RunID, false)
		kept, unnamed, revoked := save(t, service, "kept", "", "kept"), save(t, service, "unnamed", "", "unnamed"), save(t, service, "revoked", "", "revoked")
		keep(t, s, service, kept, revoked)
		require.NoError(t, service.RemoveUnused(t.Context()))
		require.Len(t, files(t, folder), 3, "the run goes on, and may name it")

		require.NoError(t, service.Remove(t.Context(), revoked.ID))
		require.True(t, problem.Is(service.Remove(t.Context(), revoked.ID), problem.NotFound))
		require.Len(t, files(t, folder), 2)

		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return tx.Exec("UPDATE runs SET completed_at = 2") }))
		require.NoError(t, service.RemoveUnused(t.Context()))
		require.Equal(t, []string{kept.ID}, files(t, folder))
		_, _, err := service.Open(t.Context(), "ci", unnamed.ID)
		require.True(t, problem.Is(err, problem.NotFound))

		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return service.RemoveOf(tx, []string{maker.RunID}) }))
		_, err = service.Get(t.Context(), kept.ID)
		require.True(t, problem.Is(err, problem.NotFound), "it is gone with its run")
		require.NoError(t, service.RemoveUnused(t.Context()))
		require.Empty(t, files(t, folder))
		require.Empty(t, states(t, s))
	})
}

// A process that dies while it saves leaves a row, and a part of a file.
func TestWhatAProcessThatDiedHasLeftIsRemoved(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		at := newClock()
		service, folder := newService(t, s, func(c *artifacts.Config) { c.Now = at.now })
		addRun(t, s, maker.RunID, true)
		underWay, died := make(chan struct{}), make(chan struct{})
		outcome := make(chan error, 1)
		go func() {
			_, err := service.Save(context.Background(), maker, "x", "", io.MultiReader(bytes.NewReader(make([]byte, 100_000)), readerFunc(func([]byte) (int, error) {
				close(underWay)
				<-died
				return 0, io.EOF
			})))
			outcome <- err
		}()
		<-underWay
		at.at = at.at.Add(59 * time.Minute)
		require.NoError(t, service.RemoveUnused(t.Context()))
		require.Len(t, files(t, folder), 1, "it may still be saved")
		at.at = at.at.Add(2 * time.Minute)
		require.NoError(t, service.RemoveUnused(t.Context()))
		require.Empty(t, files(t, folder))
		require.Empty(t, states(t, s))

		close(died) // it was alive after all
		require.Error(t, <-outcome)
		require.Empty(t, files(t, folder))
		require.Empty(t, states(t, s))
	})
}

func TestAStorageThatDoesNotWorkSaysSo(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	_, err := artifacts.New(t.Context(), artifacts.Config{Store: s, URL: "ftp://example.com"})
	require.ErrorContains(t, err, "artifacts.url")

	service, _ := newService(t, s, func(c *artifacts.Config) { c.URL = "/proc/beckon/artifacts" })
	_, err = service.Save(t.Context(), maker, "x", "", strings.NewReader("x"))
	require.Equal(t, problem.CodeArtifactsUnavailable, problem.Of(err).Code)
	require.NotContains(t, problem.Of(err).Detail, "proc")
}
