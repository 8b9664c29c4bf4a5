package catalog_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
)

func TestIDsAreMadeFromNames(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		for _, row := range []struct{ name, id string }{
			{"Daily report", "daily-report"},
			{"Daily: report!", "daily-report-2"},
			{"DAILY REPORT", "daily-report-3"},
			{"  Über-straße Nº 5 ", "uber-strasse-no-5"},
			{"Łódź, Ærø & Þingvellir", "lodz-aero-thingvellir"},
			{"İstanbul ﬁnance", "istanbul-finance"},
			{"Ada's R&D", "adas-r-d"},
			{"报告 7", "7"},
			{"-- C++ --", "c"},
			{strings.Repeat("a", 70), strings.Repeat("a", 63)},
			{strings.Repeat("a", 70), strings.Repeat("a", 61) + "-2"},
			{strings.Repeat("b", 62) + " b", strings.Repeat("b", 62)},
			{"new", "new"},
		} {
			created, _, err := b.commands().Create(ctx, "mia", commands.Command{Name: row.name, Prompt: "x"})
			require.NoError(t, err, row.name)
			require.Equal(t, row.id, created.Item.ID, row.name)
			kept, err := b.commands().Get(ctx, row.id)
			require.NoError(t, err)
			require.Equal(t, created.Item, kept.Item)
		}
		kept, err := b.commands().Get(ctx, "new")
		require.NoError(t, err)
		require.Empty(t, kept.Item.Name, "the id is what is shown of one without a name")
	})
}

// Agents and flows share their ids, and the file's are taken as well.
func TestMadeIDsOfAllNouns(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		provider, _, err := b.providers().Create(ctx, "mia", agents.Provider{Name: "Filed", Type: "template", Template: "hi"})
		require.NoError(t, err)
		agent, _, err := b.agents().Create(ctx, "mia", agents.Agent{Name: "Filed", Provider: "filed"})
		require.NoError(t, err)
		flow, _, err := b.flows().Create(ctx, "mia", agents.Flow{Name: "Filed", Root: agents.Step{Type: "agent", AgentID: "filed"}})
		require.NoError(t, err)
		client, token, err := b.clients().Create(ctx, "mia", clients.Client{Name: "Filed", Passthrough: true, AllowedAgents: []string{"filed"}})
		require.NoError(t, err)
		require.NotEmpty(t, token)
		endpoint, _, err := b.endpoints().Create(ctx, "mia", deliveries.Endpoint{Name: "Filed", URL: "https://example.com/hook"})
		require.NoError(t, err)
		got := []string{provider.Item.ID, agent.Item.ID, flow.Item.ID, client.Item.ID, endpoint.Item.ID}
		require.Equal(t, []string{"filed-2", "filed-2", "filed-3", "filed-2", "filed"}, got)
		at, err := b.View(ctx)
		require.NoError(t, err)
		again, err := b.Join(ctx, at.File)
		require.NoError(t, err)
		require.Equal(t, catalog.Records[deliveries.Endpoint](at), catalog.Records[deliveries.Endpoint](again), "its secret opens under the id that was made")
	})
}

func TestNoIDCanBeMade(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		for name, says := range map[string]string{
			"":       "is required, unless there is a name",
			"   ":    "is required, unless there is a name",
			"日報":     `cannot be made from the name "日報", which has no Latin letter and no digit`,
			"— ! —":  "cannot be made from the name",
			"Отчёт":  "give an id of lower-case letters, digits and hyphens",
			"\u0301": "cannot be made from the name",
		} {
			_, _, err := b.commands().Create(ctx, "mia", commands.Command{Name: name})
			fields := problem.Of(err).Fields
			require.Len(t, fields, 2, "%q: %v", name, err)
			require.Equal(t, "id", fields[0].Path)
			require.Contains(t, fields[0].Message, says)
			require.Equal(t, "prompt", fields[1].Path, "all that is wrong is said")
		}
	})
}

func TestMadeIDsOfMany(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		const many = 10
		ids, errs := make([]string, many), make([]error, many)
		var group sync.WaitGroup
		for i := range many {
			group.Go(func() {
				created, _, err := b.commands().Create(ctx, fmt.Sprint(i), commands.Command{Name: "Same", Prompt: "x"})
				ids[i], errs[i] = created.Item.ID, err
			})
		}
		group.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		slices.Sort(ids)
		require.Len(t, slices.Compact(ids), many)
	})
}
