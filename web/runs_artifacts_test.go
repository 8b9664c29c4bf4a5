package web_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/runs"
)

// maker makes one file of each kind.
type maker struct{}

func (maker) Invoke(ctx context.Context, call agents.Call) (result agents.Result, err error) {
	for name, content := range map[string]string{
		"cat.png":        "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
		"meow.mp3":       "ID3\x03\x00\x00\x00\x00\x00\x00",
		"film.webm":      "\x1aE\xdf\xa3\x42\x82\x84webm",
		`"><script>.svg`: `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`,
	} {
		a, err := call.Files.Save(ctx, name, "", strings.NewReader(content))
		if err != nil {
			return result, err
		}
		result.Artifacts = append(result.Artifacts, a)
	}
	return result, nil
}

func TestThePageShowsWhatARunHasMade(t *testing.T) {
	r := newTraffic(t)
	active, err := r.runs.Start(t.Context(), runs.Request{ClientID: "ci", Source: runs.SourceWebhook, Input: "in", Entry: &agents.Entry{ID: "triage", Timeout: time.Minute, Invoker: maker{}}})
	require.NoError(t, err)
	<-active.Done()
	run, err := active.Outcome()
	require.NoError(t, err)

	path := "/admin/runs/" + run.ID
	page := r.get(path)
	require.Contains(t, page.Header.Get("Content-Security-Policy"), "media-src 'self'")
	for _, a := range run.Artifacts {
		require.Contains(t, page.body, a.SHA256)
		tag := map[string]string{"cat.png": "img", "meow.mp3": "audio", "film.webm": "video"}[a.Name]
		shown := regexp.MustCompile(`<(img|audio|video) src="(/a/` + a.ID + `[^"]*)"`).FindStringSubmatch(page.body)
		if tag == "" {
			require.Nil(t, shown, "nothing of it is drawn in the page: %s", a.Name)
			continue
		}
		require.NotEmpty(t, shown, "%s %s", a.Name, page.body[strings.Index(page.body, `<ul class="artifacts">`):])
		require.Equal(t, tag, shown[1])
		link, err := url.Parse(strings.ReplaceAll(shown[2], "&amp;", "&"))
		require.NoError(t, err)
		require.NoError(t, r.artifacts.Check(a.ID, link.Query()))
	}
	require.NotContains(t, page.body, "<script>.svg")

	removed := run.Artifacts[0]
	got := r.post(path+"/artifacts/"+removed.ID+"/remove", nil)
	require.Equal(t, path+"?done=removed", got.Header.Get("Location"))
	page = r.get(path + "?done=removed")
	require.NotContains(t, page.body, removed.SHA256)
	require.Contains(t, page.body, "The file is removed.")
	require.Contains(t, r.audited(), "delete artifacts/"+removed.ID)
	require.Equal(t, http.StatusNotFound, r.post(path+"/artifacts/"+removed.ID+"/remove", nil).StatusCode)
}
