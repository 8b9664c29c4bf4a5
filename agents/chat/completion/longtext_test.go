package completion

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLongTextIsWhole(t *testing.T) {
	for _, piece := range []string{"", "x", "four", strings.Repeat("long ", 10_000), strings.Repeat("x", textBlock), strings.Repeat("x", 3*textBlock+1)} {
		var text longText
		for range 100 {
			text.WriteString(piece)
		}
		want := strings.Repeat(piece, 100)
		require.True(t, want == text.String())
		require.True(t, want == text.String(), "also when it is asked for twice")
	}
}
