package catalog_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/signature"
	"beckon/internal/store"
)

// An endpoint with http that an earlier version has stored is in force with a warning, and can be changed. No other gets its URL.
func TestAnHTTPEndpointOfAnEarlierVersion(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		earlier := deliveries.Endpoint{ID: "earlier", URL: "http://hooks.example.com/a", Secret: signature.NewSecret(signature.Standard)}
		require.NoError(t, b.Store.Write(ctx, func(tx store.Tx) error {
			_, err := b.endpoints().Insert(tx, earlier)
			return err
		}))
		require.NoError(t, b.Refresh(ctx))
		inForce := func() catalog.Record[deliveries.Endpoint] {
			record, err := b.endpoints().Get(ctx, "earlier")
			require.NoError(t, err)
			require.Empty(t, record.Warnings)
			require.Len(t, record.Cautions, 1)
			require.Equal(t, "url", record.Cautions[0].Path)
			require.Contains(t, record.Cautions[0].Message, "was stored earlier and goes on")
			v, err := b.View(ctx)
			require.NoError(t, err)
			require.Len(t, catalog.All[deliveries.Endpoint](v), 1)
			return record
		}
		inForce()

		earlier.Events = []string{"run.failed"}
		_, err := b.endpoints().Update(ctx, "mia", earlier, 0)
		require.NoError(t, err)
		require.Equal(t, []string{"run.failed"}, inForce().Item.Events)

		moved := earlier
		moved.URL = "http://hooks.example.com/b"
		_, err = b.endpoints().Update(ctx, "mia", moved, 0)
		require.Equal(t, "url", problem.Of(err).Fields[0].Path)
		require.ErrorContains(t, err, "use https://")
		_, _, err = b.endpoints().Create(ctx, "mia", deliveries.Endpoint{ID: "new", URL: earlier.URL})
		require.ErrorContains(t, err, "use https://")
	})
}
