package web

import (
	"io"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

// A mistake in a template shows with what its page may have to show.
func TestEveryPageDrawsItsSamples(t *testing.T) {
	files, err := fs.Sub(assetFiles, "assets")
	require.NoError(t, err)
	all, err := loadAssets(files)
	require.NoError(t, err)
	pages := append((&Web{Config: Config{Version: "0.0.0-dev"}}).pages(), errorPage())
	s := newScreens("1.2.3", "", all, pages)
	known := samples()
	for _, p := range pages {
		require.NotEmpty(t, known[p.template], p.template)
		for _, data := range known[p.template] {
			for _, who := range []string{"", administrator} {
				require.NoError(t, s.execute(p, io.Discard, s.view(p, p.path, who, data)), p.path)
			}
		}
	}
}
