package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// In a document of 0.1 retryOnCrash: false says nothing, because it was always there; and a key may name a variable that the
// configuration does not list, because there was no such list.
func TestDocumentsOfEarlierVersionsAreMigrated(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		db := storetest.MigrateTo(t, url, 5)
		documents := map[string]struct{ kind, before, after string }{
			"unset": {"agents", `{"id":"unset","provider":"p","maxTokens":0,"retryOnCrash":false,"tools":true}`, `{"id":"unset","provider":"p","maxTokens":0,"flowTools":true}`},
			"set":   {"agents", `{"id":"set","provider":"p","retryOnCrash":true}`, `{"id":"set","provider":"p","retryOnCrash":true}`},
			"plain": {"agents", `{"id":"plain","provider":"p","tools":false}`, `{"id":"plain","provider":"p","flowTools":false}`},
			"newer": {"agents", `{"id":"newer","params":{"a":1,"tools":false}}`, `{"id":"newer","params":{"a":1,"tools":false}}`},
			"last":  {"flows", `{"id":"last","retryOnCrash":false}`, `{"id":"last"}`},
			"quoted": {"agents", `{"id":"quoted","systemPrompt":"{\"a\":1,\"retryOnCrash\":false}\u0000","retryOnCrash":false}`,
				`{"id":"quoted","systemPrompt":"{\"a\":1,\"retryOnCrash\":false}\u0000"}`},
			"named": {"providers", `{"id":"named","type":"openai","url":"https://api.openai.com/v1","apiKey":"${OPENAI_API_KEY}"}`,
				`{"id":"named","type":"openai","url":"https://api.openai.com/v1","exempt":"earlier","apiKey":"${OPENAI_API_KEY}"}`},
			"sealed": {"providers", `{"id":"sealed","type":"openai","apiKey":"sealed:v1:x","template":"\"apiKey\":\"${"}`, `{"id":"sealed","type":"openai","apiKey":"sealed:v1:x","template":"\"apiKey\":\"${"}`},
			"broken": {"flows", `{"id":`, `{"id":`},
			"other":  {"commands", `{"id":"other","retryOnCrash":false}`, `{"id":"other","retryOnCrash":false}`},
		}
		for id, d := range documents {
			_, err := db.ExecContext(ctx, fmt.Sprintf("INSERT INTO resources (kind, id, spec, version, created_at, updated_at) VALUES ('%s', '%s', '%s', 3, 1, 1)", d.kind, id, d.before))
			require.NoError(t, err)
		}
		require.NoError(t, db.Close())
		s := storetest.Open(t, url)
		for id, d := range documents {
			require.Equal(t, d.after, storetest.Row[string](t, s, "SELECT spec FROM resources WHERE id = ?", id))
		}
	})
}
