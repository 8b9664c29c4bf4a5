package examples_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/examples/internal/exampletest"
)

// timeLayout is how documents write times.
const timeLayout = "2006-01-02T15:04:05.000Z"

// aimock is the program that the page runs as a mock of OpenAI, llmock of the package aimock, and its version.
func aimock(t *testing.T) (program, version string) {
	folder, err := filepath.Abs("../agents/chat/testdata/aimock")
	require.NoError(t, err)
	program = filepath.Join(folder, "node_modules", ".bin", "llmock")
	require.FileExists(t, program, "aimock is not installed: run make test, or npm ci --prefix agents/chat/testdata/aimock")
	text, err := os.ReadFile(filepath.Join(folder, "package.json"))
	require.NoError(t, err)
	var wanted struct{ Dependencies map[string]string }
	require.NoError(t, json.Unmarshal(text, &wanted))
	return program, wanted.Dependencies["@copilotkit/aimock"]
}

// mediaExample is the example media, with its secrets made.
type mediaExample struct {
	*exampletest.Example
	t     *testing.T
	token string
}

func openMedia(t *testing.T, changes ...string) *mediaExample {
	t.Helper()
	require.DirExists(t, "/usr/lib/python3/dist-packages/flask", "Flask is not installed: run make test, or apt-get install python3-flask")
	e := &mediaExample{exampletest.Open(t, "media", append(changes, operated...)...), t, ""}
	e.Run("secrets")
	text, err := os.ReadFile(filepath.Join(e.Dir, "secrets.sh"))
	require.NoError(t, err)
	e.token = regexp.MustCompile(`mgc_\S+`).FindString(string(text))
	require.NotEmpty(t, e.token)
	return e
}

// openMediaOnMock is openMedia with a gateway on the mock of the page.
func openMediaOnMock(t *testing.T, changes ...string) *mediaExample {
	t.Helper()
	program, version := aimock(t)
	e := openMedia(t, changes...)
	e.Start("mock", "npx -y -p @copilotkit/aimock@"+version+" llmock", program)
	e.Start("gateway-on-mock")
	return e
}

// read returns the document of a run, as its caller sees it.
func (e *mediaExample) read(run string) (document map[string]any) {
	e.t.Helper()
	answer, body := send(e.t, http.MethodGet, e.URL()+"/v1/runs/"+run, "Authorization: Bearer "+e.token)
	require.Equal(e.t, http.StatusOK, answer.StatusCode, body)
	require.NoError(e.t, json.Unmarshal([]byte(body), &document))
	return document
}

// mediaEvents are what the receiver was told of a run, by type, once it knows how the run began and that it ended so.
func mediaEvents(t *testing.T, receiver *exampletest.Process, run, end string) map[string]exampletest.Event {
	t.Helper()
	subject, _, _ := strings.Cut(end, ".")
	found := map[string]exampletest.Event{}
	for _, e := range receiver.Events(3, func(e exampletest.Event) bool {
		kind, about := mediaEvent(e)
		return about["id"] == run && slices.Contains([]any{subject + ".created", subject + ".started", end}, kind)
	}) {
		kind, _ := mediaEvent(e)
		requireVendor(t, e, "Studio", kind.(string))
		found[kind.(string)] = e
	}
	require.Len(t, found, 3)
	return found
}

// mediaEvent is the type and the payload of an event.
func mediaEvent(e exampletest.Event) (kind any, payload map[string]any) {
	event, _ := e["event"].(map[string]any)
	payload, _ = event["payload"].(map[string]any)
	return event["type"], payload
}

// requireStage wants the whole body of an event that has no downloads.
func requireStage(t *testing.T, found map[string]exampletest.Event, kind, run, status string) {
	t.Helper()
	require.Equal(t, map[string]any{"type": kind, "payload": map[string]any{"id": run, "status": status, "downloads": []any{}}}, found[kind]["event"])
	require.Equal(t, []any{}, found[kind]["files"])
}

// requireDownloads wants links to so many files, and that the receiver has downloaded them. It returns the links.
func (e *mediaExample) requireDownloads(event exampletest.Event, run string, contents ...string) (links []string) {
	e.t.Helper()
	_, payload := mediaEvent(event)
	require.Len(e.t, payload, 3)
	require.Equal(e.t, run, payload["id"])
	require.Equal(e.t, "complete", payload["status"])
	list := payload["downloads"].([]any)
	require.Len(e.t, list, len(contents))
	for i, content := range contents {
		one := list[i].(map[string]any)
		require.Len(e.t, one, 2)
		expires, err := time.Parse(timeLayout, one["expires_at"].(string))
		require.NoError(e.t, err)
		require.WithinDuration(e.t, time.Now().Add(24*time.Hour), expires, 10*time.Minute)
		require.True(e.t, strings.HasPrefix(one["url"].(string), e.URL()+"/a/art_"), one["url"])
		links = append(links, one["url"].(string))
		downloaded, err := os.ReadFile(filepath.Join(e.Dir, event["files"].([]any)[i].(string)))
		require.NoError(e.t, err)
		require.Equal(e.t, content, string(downloaded))
	}
	return links
}

// Without a key: what the page says to start, and all of its calls.
func TestMediaOnTheMock(t *testing.T) {
	e := openMediaOnMock(t)
	receiver := e.Start("receiver")
	made := madeByMock(t)

	run := accepted(t, e.Run("image"))
	found := mediaEvents(t, receiver, run, "image.completed")
	requireStage(t, found, "image.created", run, "queued")
	requireStage(t, found, "image.started", run, "rendering")
	links := e.requireDownloads(found["image.completed"], run, made["image"]...)
	require.JSONEq(t, `{"image_count":2,"style":{"prompt":"A lighthouse at dusk, in oil"}}`, e.read(run)["input"].(string))
	e.requireLinksHold(links, made["image"][0])

	run = accepted(t, e.Run("image", "A lighthouse at dusk, in oil", "refuse this"))
	requireStage(t, mediaEvents(t, receiver, run, "image.errored"), "image.errored", run, "error")

	for kind, mediaType := range map[string]string{"speech": "audio/mpeg", "video": "video/mp4"} {
		run = accepted(t, e.Run(kind))
		found = mediaEvents(t, receiver, run, kind+".completed")
		requireStage(t, found, kind+".created", run, "queued")
		requireStage(t, found, kind+".started", run, "rendering")
		links = e.requireDownloads(found[kind+".completed"], run, made[kind]...)
		answer, _ := send(t, http.MethodHead, links[0])
		require.Equal(t, mediaType, answer.Header.Get("Content-Type"))
	}

	requireStatusOf(t, http.StatusUnauthorized, http.MethodPost, receiver.URL()+"/media", "X-Studio-Signature: sha256="+strings.Repeat("0", 64), "X-Studio-Delivery: evt_1")
	requireStatusOf(t, http.StatusUnauthorized, http.MethodPost, receiver.URL()+"/media")
}

// requireLinksHold opens links in the ways that the page promises, and removes the file of the first.
func (e *mediaExample) requireLinksHold(links []string, content string) {
	e.t.Helper()
	link := links[0]
	answer, body := send(e.t, http.MethodGet, link)
	require.Equal(e.t, http.StatusOK, answer.StatusCode)
	require.Equal(e.t, content, body)
	require.Equal(e.t, "image/png", answer.Header.Get("Content-Type"))
	require.Equal(e.t, "nosniff", answer.Header.Get("X-Content-Type-Options"))
	require.Contains(e.t, answer.Header.Get("Content-Security-Policy"), "sandbox")
	require.NotEmpty(e.t, answer.Header.Get("Content-Disposition"))
	answer, body = send(e.t, http.MethodGet, link, "Range: bytes=1-3")
	require.Equal(e.t, http.StatusPartialContent, answer.StatusCode)
	require.Equal(e.t, "PNG", body)
	require.Equal(e.t, fmt.Sprintf("bytes 1-3/%d", len(content)), answer.Header.Get("Content-Range"))

	file, _, _ := strings.Cut(link, "?")
	_, queryOfOther, _ := strings.Cut(links[1], "?")
	for _, wrong := range []string{link[:len(link)-5], file, file + "?" + queryOfOther, strings.Replace(link, "expires=", "expires=9", 1),
		file + "?expires=99999999999&signature=" + strings.Repeat("A", 43)} {
		requireStatusOf(e.t, http.StatusNotFound, http.MethodGet, wrong)
	}

	ask(e.t, e.Example, http.MethodDelete, "/artifacts/"+strings.TrimPrefix(file, e.URL()+"/a/"), nil)
	requireStatusOf(e.t, http.StatusNotFound, http.MethodGet, link)
	requireStatusOf(e.t, http.StatusOK, http.MethodGet, links[1])
}

// When a download fails, the receiver answers 503, the event is sent again, and its links open.
func TestAMediaDownloadThatFails(t *testing.T) {
	e := openMediaOnMock(t)
	receiver := e.Start("receiver")
	folder := filepath.Join(e.Dir, "data", "media", "downloads")
	require.NoError(t, os.MkdirAll(filepath.Dir(folder), 0o700))
	require.NoError(t, os.WriteFile(folder, []byte("a file that is in the way"), 0o600))
	run := accepted(t, e.Run("speech"))
	completed := func() delivery {
		list := deliveriesOf(t, e.Example, run)
		if i := slices.IndexFunc(list, func(d delivery) bool { return d.Type == "speech.completed" }); i >= 0 {
			return list[i]
		}
		return delivery{}
	}
	require.Eventually(t, func() bool { return len(completed().Attempts) > 0 }, exampletest.Patience, 20*time.Millisecond)
	require.NoError(t, os.Remove(folder))
	e.requireDownloads(mediaEvents(t, receiver, run, "speech.completed")["speech.completed"], run, madeByMock(t)["speech"]...)
	require.Eventually(t, func() bool { return completed().Status == "DELIVERED" }, exampletest.Patience, 20*time.Millisecond)
	attempts := completed().Attempts
	require.Equal(t, http.StatusServiceUnavailable, attempts[0].StatusCode)
	require.Equal(t, http.StatusNoContent, attempts[len(attempts)-1].StatusCode)
}

// A link opens until it expires and not after; the run has a new one then.
func TestAMediaLinkExpires(t *testing.T) {
	e := openMediaOnMock(t, "linkTTL: 24h", "linkTTL: 4s")
	run := accepted(t, e.Run("image"))
	require.Eventually(t, func() bool { return e.read(run)["status"] == "COMPLETED" }, exampletest.Patience, 20*time.Millisecond)
	newLink := func() (url string, expires time.Time) {
		made := e.read(run)["artifacts"].([]any)[0].(map[string]any)
		expires, err := time.Parse(timeLayout, made["expiresAt"].(string))
		require.NoError(t, err)
		return made["url"].(string), expires
	}
	url, expires := newLink()
	opened := 0
	require.Eventually(t, func() bool {
		asked := time.Now()
		answer, _ := send(t, http.MethodGet, url)
		if time.Now().Before(expires) {
			require.Equal(t, http.StatusOK, answer.StatusCode, "it has not expired")
		}
		if !asked.Before(expires) {
			require.Equal(t, http.StatusGone, answer.StatusCode, "it has expired")
		}
		if answer.StatusCode == http.StatusOK {
			opened++
			return false
		}
		if opened == 0 {
			url, expires = newLink() // the machine was too slow to open the last one
		}
		return opened > 0
	}, exampletest.Patience, 50*time.Millisecond)
	requireStatusOf(t, http.StatusGone, http.MethodGet, url, "Range: bytes=0-3")
	url, _ = newLink()
	requireStatusOf(t, http.StatusOK, http.MethodGet, url)
}

// madeByMock are the files that the mock makes, by the agent that asks for them.
func madeByMock(t *testing.T) map[string][]string {
	text, err := os.ReadFile("media/fixtures.json")
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
	made := map[string][]string{}
	for _, f := range file.Fixtures {
		for _, image := range f.Response.Images {
			made["image"] = append(made["image"], string(image.B64Json))
		}
		if f.Response.Audio != nil {
			made["speech"] = append(made["speech"], string(f.Response.Audio))
		}
		if _, encoded, found := strings.Cut(f.Response.Video.URL, "base64,"); found {
			var content []byte
			require.NoError(t, json.Unmarshal([]byte(strconv.Quote(encoded)), &content))
			made["video"] = append(made["video"], string(content))
		}
	}
	return made
}
