package all_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"beckon/calls/senders"
	"beckon/calls/senders/all"
	"beckon/internal/repository"
	"beckon/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files anew")

var known = all.Senders(nil, nil)

// readDelivery reads a file of testdata: a request as it is on the wire, with plain line breaks in its head.
func readDelivery(t testing.TB, path string) senders.Delivery {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	head, body, ok := bytes.Cut(data, []byte("\n\n"))
	require.True(t, ok, path)
	line, head, _ := bytes.Cut(head, []byte("\n"))
	method, _, _ := strings.Cut(string(line), " ")
	h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(head, "\n\n"...)))).ReadMIMEHeader()
	require.NoError(t, err)
	u, err := url.Parse("https://beckon.example/api/v1/webhooks/client")
	require.NoError(t, err)
	return senders.Delivery{Method: method, URL: u, Header: http.Header(h), Body: bytes.TrimSuffix(body, []byte("\n")), ReceivedAt: time.Unix(1791191551, 0)}
}

// corpus calls fn with every delivery of testdata, and its sender.
func corpus(t testing.TB, fn func(path string, s *senders.Sender, d senders.Delivery)) {
	paths, err := filepath.Glob("testdata/*/*.http")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		s := known.Source(filepath.Base(filepath.Dir(path)))
		require.NotNil(t, s, path)
		fn(path, s, readDelivery(t, path))
	}
}

func TestEventAndPromptOfEverySource(t *testing.T) {
	seen := map[string]bool{}
	corpus(t, func(path string, s *senders.Sender, d senders.Delivery) {
		seen[s.Name] = true
		e := s.Event(d)
		require.Equal(t, s.Name, e.Source)
		prompt := ""
		if s.Prompt != nil {
			prompt = s.Prompt(e)
		}
		document, err := json.MarshalIndent(e, "", "  ")
		require.NoError(t, err)
		got := fmt.Sprintf("%s\n\n==== event\n%s\n", prompt, document)
		if e.Place != (repository.Place{}) {
			got += fmt.Sprintf("\n==== place\n%s %s %s %s\n", e.Place.Repository, e.Place.Thing, e.Place.Number, e.Place.Commit)
		}
		golden := strings.TrimSuffix(path, ".http") + ".golden"
		if *update {
			require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), got, path)
	})
	for _, name := range known.Sources() {
		require.True(t, seen[name], "no delivery of %s in testdata", name)
	}
}

// sound holds for every event and prompt, whatever a body says.
func sound(t testing.TB, s *senders.Sender, d senders.Delivery) {
	e := s.Event(d)
	require.Equal(t, s.Name, e.Source)
	require.NotNil(t, e.Labels)
	require.NotNil(t, e.Items)
	document, err := json.Marshal(e)
	require.NoError(t, err)
	require.False(t, bytes.Contains(document, []byte(`\u0000`)))
	m := e.Map()
	require.True(t, utf8.ValidString(fmt.Sprint(m)))
	require.Len(t, m, 15)
	for _, one := range m["items"].([]any) {
		require.Len(t, one, 16)
	}
	if s.Prompt == nil {
		return
	}
	prompt := s.Prompt(e)
	require.True(t, utf8.ValidString(prompt))
	require.NotContains(t, prompt, "\x00")
	require.Less(t, len(prompt), senders.MaxPrompt+4000)
	require.NotEmpty(t, strings.TrimSpace(prompt))
}

func TestABodyOfAnotherSenderLosesNoCall(t *testing.T) {
	for _, s := range known {
		if s.Event == nil {
			continue
		}
		corpus(t, func(_ string, _ *senders.Sender, d senders.Delivery) { sound(t, s, d) })
		for _, body := range []string{"", "{", "[", "[]", "{}", "null", "7", `"text"`, "\ufeff{}", "\x00\xff", `{"alerts":{}}`, `{"alerts":[[]]}`, `{"event":7}`, `{"data":[]}`,
			`{"object_kind":"push","commits":"no"}`, `{"repository":7,"issue":"x","action":["y"]}`, `{"Message":null,"TopicArn":""}`,
			strings.Repeat("[", 100_000), strings.Repeat(`{"data":`, 100_000), `{"a":1e999}`, "payload=%zz", "payload=7"} {
			for _, kind := range []string{"application/json", "application/x-www-form-urlencoded", "application/cloudevents-batch+json", "multipart/form-data; boundary=x", ""} {
				sound(t, s, senders.Delivery{Method: "POST", URL: &url.URL{}, Body: []byte(body), Header: http.Header{"Content-Type": {kind}}})
			}
		}
	}
}

func TestTheEventKeepsTheTextOfAStrangeBody(t *testing.T) {
	d := senders.Delivery{Method: "POST", URL: &url.URL{}, Body: []byte("disk full on db-1"), Header: http.Header{}}
	for _, name := range known.Sources() {
		e := known.Source(name).Event(d)
		require.Equal(t, "disk full on db-1", e.Text, name)
	}
}

// Work that grows with the square of a body's members would take minutes here.
func TestManyMembers(t *testing.T) {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, `"member%d":{"Value":"%d"},`, i, i)
	}
	members := b.String()[:b.Len()-1]
	list := "[" + strings.Repeat(`{"type":"x","fingerprint":""},`, 20_000) + "{}]"
	object := `{"specversion":"1.0","type":"x","Message":"","MessageAttributes":{` + members + `},"alerts":` + list + `,"commits":` + list +
		`,"repository":{},"data":{"issue":{` + members + `}},"issue":{"fields":{"description":{"type":"doc","content":` + list + `}}},` + members + "}"
	for _, s := range known {
		if s.Event == nil {
			continue
		}
		for _, body := range []string{object, list} {
			h := http.Header{"X-Github-Event": {"push"}, "X-Gitea-Event": {"push"}}
			sound(t, s, senders.Delivery{Method: "POST", URL: &url.URL{}, Body: []byte(body), Header: h})
		}
	}
}

func TestWhatProvesIsNotShown(t *testing.T) {
	for _, s := range signers {
		require.True(t, secret.Named(s.header) || s.proof.Header == s.header, s.header)
	}
	header, parameter := senders.Proof{Scheme: "query", Name: "t"}.Shown()
	require.Equal(t, []string{"", "t"}, []string{header, parameter})
	header, _ = senders.Proof{Scheme: "header", Name: "X-Hook"}.Shown()
	require.Equal(t, "X-Hook", header)
	header, _ = senders.Proof{Scheme: "hmac", Header: "X-Sig"}.Shown()
	require.Equal(t, "X-Sig", header)
}

func TestTextsOfAnyLength(t *testing.T) {
	corpus(t, func(path string, s *senders.Sender, d senders.Delivery) {
		longer := regexp.MustCompile(`:"[^"\\]`).ReplaceAllStringFunc(string(d.Body), func(start string) string { return start + strings.Repeat("long ", 4000) })
		d.Body = []byte(longer)
		for name := range d.Header {
			if name != "Content-Type" && name != "X-Github-Event" && name != "X-Gitea-Event" {
				d.Header.Set(name, d.Header.Get(name)+strings.Repeat("\xfflong ", 400))
			}
		}
		sound(t, s, d)
	})
}
