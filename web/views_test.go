package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A filter gets a name, and stands above its list from then on.
func TestFiltersAreSavedAsViews(t *testing.T) {
	traffic, refused := newTraffic(t), newKept(t)
	for list, filter := range map[string]string{"runs": "client=ci&status=FAILED", "deliveries": "endpoint=filed&status=FAILED", "refused": "client=ci&code=unauthorized"} {
		t.Run(list, func(t *testing.T) {
			path, r := "/admin/"+list, traffic.browser
			if list == "refused" {
				r = refused
			}
			require.NotContains(t, r.get(path).body, "Save this view", "nothing is filtered")
			page := r.get(path + "?" + filter + "&cursor=").body
			escaped := strings.ReplaceAll(filter, "&", "&amp;")
			require.Contains(t, page, `<input type="hidden" name="query" value="`+escaped+`">`)

			got := r.post(path+"/views", url.Values{"name": {" What <b>fails</b> "}, "query": {filter + "&cursor=x&q="}})
			require.Equal(t, path+"?"+filter, got.Header.Get("Location"))
			require.Contains(t, r.get(path).body, `<a class="chip" href="`+path+`?`+escaped+`">`)
			page = r.get(path + "?" + filter).body
			require.Contains(t, page, `<a class="chip" href="`+path+`?`+escaped+`" aria-current="true">`)
			require.Contains(t, page, "What &lt;b&gt;fails&lt;/b&gt;")
			require.NotContains(t, page, "Save this view", "it is saved")

			got = r.post(path+"/views", url.Values{"name": {"What <b>fails</b>"}, "query": {"client=alerts"}})
			require.Equal(t, http.StatusSeeOther, got.StatusCode)
			require.Equal(t, 1, strings.Count(r.get(path).body, `aria-label="Saved views"`))
			require.Contains(t, r.get(path).body, path+`?client=alerts"`, "the name stands for the new one")
			for _, wrong := range []url.Values{{"name": {""}, "query": {filter}}, {"name": {"x"}, "query": {"cursor=1"}}, {"name": {strings.Repeat("ä", 61)}, "query": {filter}}, {"name": {"x"}, "query": {"q=" + strings.Repeat("x", 3000)}}} {
				require.Equal(t, http.StatusBadRequest, r.post(path+"/views", wrong).StatusCode)
			}
			got = r.post(path+"/views/remove", url.Values{"name": {"What <b>fails</b>"}})
			require.Equal(t, path, got.Header.Get("Location"))
			require.NotContains(t, r.get(path).body, "Saved views")
		})
	}
}

func TestAListHasAFewViews(t *testing.T) {
	r := newTraffic(t)
	for i := range 20 {
		require.Equal(t, http.StatusSeeOther, r.post("/admin/runs/views", url.Values{"name": {fmt.Sprint("view ", i)}, "query": {fmt.Sprint("client=c", i)}}).StatusCode)
	}
	got := r.post("/admin/runs/views", url.Values{"name": {"one more"}, "query": {"client=x"}})
	require.NotEqual(t, http.StatusSeeOther, got.StatusCode)
	require.Contains(t, got.body, "at most 20 saved views")
	require.Equal(t, http.StatusSeeOther, r.post("/admin/runs/views", url.Values{"name": {"view 3"}, "query": {"client=x"}}).StatusCode, "one of them changes")
}
