// Package media_test runs the example as its page says: the gateway, the receiver, and the calls.
package media_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/examples/internal/exampletest"
)

const adminToken = "admin-token-of-this-test"

// aimock is the program that the page runs as its mock.
func aimock(t *testing.T) (program, version string) {
	folder, err := filepath.Abs("../../agents/chat/testdata/aimock")
	require.NoError(t, err)
	program = filepath.Join(folder, "node_modules", "@copilotkit", "aimock", "dist", "cli.js")
	require.FileExists(t, program, "aimock is not installed: run make test, or npm ci --prefix agents/chat/testdata/aimock")
	text, err := os.ReadFile(filepath.Join(folder, "package.json"))
	require.NoError(t, err)
	var wanted struct{ Dependencies map[string]string }
	require.NoError(t, json.Unmarshal(text, &wanted))
	return program, wanted.Dependencies["@copilotkit/aimock"]
}

// open returns the example, with its secrets made.
func open(t *testing.T, changes ...string) *exampletest.Example {
	require.NoError(t, exec.Command("/usr/bin/python3", "-c", "import flask").Run(), "Flask is not installed: run make test, or apt-get install python3-flask")
	t.Setenv("BECKON_ADMIN_TOKEN", adminToken)
	e := exampletest.Open(t, "media", changes...)
	e.Run("secrets")
	return e
}

// openOnMock is open with a gateway on the mock of the page.
func openOnMock(t *testing.T) *exampletest.Example {
	e := open(t)
	program, version := aimock(t)
	e.Start("mock", "npx -y @copilotkit/aimock@"+version, "node "+program)
	e.Start("gateway-on-mock")
	return e
}

// call makes a documented call, and returns the id of its run.
func call(t *testing.T, e *exampletest.Example, name string, changes ...string) string {
	t.Helper()
	var accepted struct {
		OK            bool
		RunID         string
		Status        string
		URL           string
		Error, Detail string
	}
	answer := e.Run(name, changes...)
	require.NoError(t, json.Unmarshal([]byte(answer), &accepted), answer)
	require.True(t, accepted.OK, answer)
	require.Equal(t, "QUEUED", accepted.Status)
	require.Equal(t, "/api/v1/runs/"+accepted.RunID, accepted.URL)
	return accepted.RunID
}

// heard returns what the receiver was told of a run, by type, once it knows how the run began and that it ended so.
func heard(t *testing.T, receiver *exampletest.Process, run, end string) map[string]exampletest.Event {
	t.Helper()
	subject, _, _ := strings.Cut(end, ".")
	found := map[string]exampletest.Event{}
	for _, e := range receiver.Events(3, func(e exampletest.Event) bool {
		kind := sent(e)["type"]
		return payload(e)["id"] == run && (kind == subject+".created" || kind == subject+".started" || kind == end)
	}) {
		requireHeaders(t, e)
		found[sent(e)["type"].(string)] = e
	}
	require.Len(t, found, 3)
	return found
}

func sent(e exampletest.Event) map[string]any {
	event, _ := e["event"].(map[string]any)
	return event
}

func payload(e exampletest.Event) map[string]any {
	about, _ := sent(e)["payload"].(map[string]any)
	return about
}

// requireHeaders expects the headers that the page documents. The receiver has verified the signature.
func requireHeaders(t *testing.T, e exampletest.Event) {
	t.Helper()
	headers := e["headers"].(map[string]any)
	require.Len(t, headers, 5, headers)
	require.Regexp(t, `^sha256=[0-9a-f]{64}$`, headers["X-Studio-Signature"])
	require.Equal(t, sent(e)["type"], headers["X-Studio-Event"])
	require.Regexp(t, `^evt_`, headers["X-Studio-Delivery"])
	require.Equal(t, "Studio-Webhooks/1.0", headers["User-Agent"])
	at, err := strconv.ParseInt(headers["X-Studio-Timestamp"].(string), 10, 64)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), time.Unix(at, 0), 10*time.Minute)
}

// requireStatus expects the whole body of an event without downloads.
func requireStatus(t *testing.T, found map[string]exampletest.Event, kind, run, status string) {
	t.Helper()
	require.Equal(t, map[string]any{"type": kind, "payload": map[string]any{"id": run, "status": status, "downloads": []any{}}}, sent(found[kind]))
	require.Equal(t, []any{}, found[kind]["files"])
}

// downloads expects that an event has links to so many files, which the receiver has fetched, and returns the links.
func downloads(t *testing.T, e *exampletest.Example, event exampletest.Event, run string, contents ...[]byte) (links []string) {
	t.Helper()
	about := payload(event)
	require.Len(t, about, 3)
	require.Equal(t, run, about["id"])
	require.Equal(t, "complete", about["status"])
	list := about["downloads"].([]any)
	require.Len(t, list, len(contents))
	for i, content := range contents {
		one := list[i].(map[string]any)
		require.Len(t, one, 2)
		expires, err := time.Parse("2006-01-02T15:04:05.000Z", one["expires_at"].(string))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(24*time.Hour), expires, 10*time.Minute)
		require.True(t, strings.HasPrefix(one["url"].(string), e.URL()+"/a/art_"), one["url"])
		links = append(links, one["url"].(string))
		got, err := os.ReadFile(filepath.Join(e.Dir, event["files"].([]any)[i].(string)))
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, got), "file %d", i)
	}
	return links
}

// get asks for a link, and returns the answer with its body.
func get(t *testing.T, method, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	require.NoError(t, err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, string(body)
}

// token is what the page has made for the caller.
func token(t *testing.T, e *exampletest.Example) string {
	text, err := os.ReadFile(filepath.Join(e.Dir, "secrets.sh"))
	require.NoError(t, err)
	_, value, _ := strings.Cut(string(text), "STUDIO_TOKEN=")
	value, _, _ = strings.Cut(value, " ")
	return value
}

// read returns the document of a run.
func read(t *testing.T, e *exampletest.Example, run string) (document map[string]any) {
	t.Helper()
	answer, body := get(t, http.MethodGet, e.URL()+"/v1/runs/"+run, "Authorization: Bearer "+token(t, e))
	require.Equal(t, http.StatusOK, answer.StatusCode, body)
	require.NoError(t, json.Unmarshal([]byte(body), &document))
	return document
}

// Without a key: what the page says to start, and all three calls.
func TestTheCallsOfThePage(t *testing.T) {
	e := openOnMock(t)
	receiver := e.Start("receiver")
	made := fixtures(t)

	run := call(t, e, "image")
	found := heard(t, receiver, run, "image.completed")
	requireStatus(t, found, "image.created", run, "queued")
	requireStatus(t, found, "image.started", run, "rendering")
	links := downloads(t, e, found["image.completed"], run, made["images"]...)
	require.JSONEq(t, `{"image_count":2,"style":{"prompt":"A lighthouse at dusk, in oil"}}`, read(t, e, run)["input"].(string))
	requireALinkHolds(t, e, links, made["images"][0])

	run = call(t, e, "image", "A lighthouse at dusk, in oil", "refuse this")
	found = heard(t, receiver, run, "image.errored")
	requireStatus(t, found, "image.errored", run, "error")

	run = call(t, e, "speech")
	found = heard(t, receiver, run, "speech.completed")
	requireStatus(t, found, "speech.created", run, "queued")
	requireStatus(t, found, "speech.started", run, "rendering")
	links = downloads(t, e, found["speech.completed"], run, made["audio"]...)
	answer, _ := get(t, http.MethodHead, links[0])
	require.Equal(t, "audio/mpeg", answer.Header.Get("Content-Type"))

	run = call(t, e, "video")
	found = heard(t, receiver, run, "video.completed")
	links = downloads(t, e, found["video.completed"], run, made["video"]...)
	answer, _ = get(t, http.MethodHead, links[0])
	require.Equal(t, "video/mp4", answer.Header.Get("Content-Type"))

	// Who has another secret is not believed.
	answer, body := get(t, http.MethodPost, receiver.URL()+"/media", "X-Studio-Signature: sha256="+strings.Repeat("0", 64), "X-Studio-Delivery: evt_1")
	require.Equal(t, http.StatusUnauthorized, answer.StatusCode, body)
}

// requireALinkHolds opens a link in the ways that the page promises, and removes its file.
func requireALinkHolds(t *testing.T, e *exampletest.Example, links []string, content []byte) {
	t.Helper()
	link := links[0]
	answer, body := get(t, http.MethodGet, link)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, string(content), body)
	require.Equal(t, "image/png", answer.Header.Get("Content-Type"))
	require.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"))
	require.Contains(t, answer.Header.Get("Content-Security-Policy"), "sandbox")
	require.NotEmpty(t, answer.Header.Get("Content-Disposition"))
	answer, body = get(t, http.MethodGet, link, "Range: bytes=1-3")
	require.Equal(t, http.StatusPartialContent, answer.StatusCode)
	require.Equal(t, "PNG", body)
	require.Equal(t, fmt.Sprintf("bytes 1-3/%d", len(content)), answer.Header.Get("Content-Range"))

	before, signature, found := strings.Cut(link, "signature=")
	require.True(t, found)
	for name, wrong := range map[string]string{"cut short": link[:len(link)-5], "no signature": before, "of another file": strings.SplitN(link, "?", 2)[0] + "?" + strings.SplitN(links[1], "?", 2)[1],
		"later": strings.Replace(link, "expires=", "expires=9", 1), "another signature": before + "signature=" + strings.Repeat("A", len(signature))} {
		answer, _ := get(t, http.MethodGet, wrong)
		require.Equal(t, http.StatusNotFound, answer.StatusCode, name)
	}

	id := strings.TrimPrefix(strings.SplitN(link, "?", 2)[0], e.URL()+"/a/")
	answer, body = get(t, http.MethodDelete, e.URL()+"/api/v1/admin/artifacts/"+id, "Authorization: Bearer "+adminToken)
	require.Equal(t, http.StatusNoContent, answer.StatusCode, body)
	answer, _ = get(t, http.MethodGet, link)
	require.Equal(t, http.StatusNotFound, answer.StatusCode, "its file was removed")
	answer, _ = get(t, http.MethodGet, links[1])
	require.Equal(t, http.StatusOK, answer.StatusCode, "the other one is still there")
}

// A download that fails is no event that was taken: the same one comes again, and its links open.
func TestADownloadThatFails(t *testing.T) {
	e := openOnMock(t)
	receiver := e.Start("receiver")
	folder := filepath.Join(e.Dir, "data", "media", "downloads")
	require.NoError(t, os.MkdirAll(filepath.Dir(folder), 0o700))
	require.NoError(t, os.WriteFile(folder, []byte("no folder"), 0o600))
	run := call(t, e, "speech")
	attempts := func() (statuses []int) {
		var list struct{ Items []struct{ ID, Type string } }
		admin(t, e, "/api/v1/admin/deliveries?run="+run, &list)
		for _, d := range list.Items {
			if d.Type != "speech.completed" {
				continue
			}
			var delivery struct{ Attempts []struct{ StatusCode int } }
			admin(t, e, "/api/v1/admin/deliveries/"+d.ID, &delivery)
			for _, a := range delivery.Attempts {
				statuses = append(statuses, a.StatusCode)
			}
		}
		return statuses
	}
	require.Eventually(t, func() bool { return len(attempts()) > 0 }, exampletest.Patience, 20*time.Millisecond)
	require.NoError(t, os.Remove(folder))
	found := heard(t, receiver, run, "speech.completed")
	downloads(t, e, found["speech.completed"], run, fixtures(t)["audio"]...)
	statuses := []int{}
	require.Eventually(t, func() bool {
		statuses = attempts()
		return statuses[len(statuses)-1] == http.StatusNoContent
	}, exampletest.Patience, 20*time.Millisecond)
	require.Equal(t, http.StatusServiceUnavailable, statuses[0])
}

// admin reads a document of the admin API.
func admin(t *testing.T, e *exampletest.Example, path string, document any) {
	t.Helper()
	answer, body := get(t, http.MethodGet, e.URL()+path, "Authorization: Bearer "+adminToken)
	require.Equal(t, http.StatusOK, answer.StatusCode, body)
	require.NoError(t, json.Unmarshal([]byte(body), document))
}

// A link opens until it expires and not after; the run has a new one then.
func TestALinkExpires(t *testing.T) {
	t.Setenv("BECKON_ARTIFACTS_LINKTTL", "4s")
	e := openOnMock(t)
	run := call(t, e, "image")
	link := func() (url string, expires time.Time) {
		made := read(t, e, run)["artifacts"].([]any)[0].(map[string]any)
		expires, err := time.Parse(time.RFC3339, made["expiresAt"].(string))
		require.NoError(t, err)
		return made["url"].(string), expires
	}
	require.Eventually(t, func() bool { return read(t, e, run)["status"] == "COMPLETED" }, exampletest.Patience, 20*time.Millisecond)
	url, expires := link()
	opened := 0
	require.Eventually(t, func() bool {
		asked := time.Now()
		answer, _ := get(t, http.MethodGet, url)
		switch answered := time.Now(); {
		case answered.Before(expires):
			require.Equal(t, http.StatusOK, answer.StatusCode, "before it expires")
		case !asked.Before(expires):
			require.Equal(t, http.StatusGone, answer.StatusCode, "after it has expired")
		}
		switch answer.StatusCode {
		case http.StatusOK:
			opened++
		case http.StatusGone:
			if opened > 0 {
				return true
			}
			url, expires = link() // this machine was too slow to open the last one
		}
		return false
	}, exampletest.Patience, 50*time.Millisecond)
	url, _ = link()
	answer, _ := get(t, http.MethodGet, url)
	require.Equal(t, http.StatusOK, answer.StatusCode, "the run has a new link")
}

// fixtures are what the mock makes.
func fixtures(t *testing.T) map[string][][]byte {
	text, err := os.ReadFile("fixtures.json")
	require.NoError(t, err)
	var file struct {
		Fixtures []struct {
			Response struct {
				Images []struct{ B64Json []byte }
				Audio  []byte
				Video  struct{ URL string }
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &file))
	made := map[string][][]byte{}
	for _, f := range file.Fixtures {
		for _, image := range f.Response.Images {
			made["images"] = append(made["images"], image.B64Json)
		}
		if f.Response.Audio != nil {
			made["audio"] = append(made["audio"], f.Response.Audio)
		}
		if _, data, found := strings.Cut(f.Response.Video.URL, "base64,"); found {
			var content []byte
			require.NoError(t, json.Unmarshal([]byte(strconv.Quote(data)), &content))
			made["video"] = append(made["video"], content)
		}
	}
	return made
}
