package server

import (
	"context"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"beckon/internal/problem"
	"beckon/internal/spend"
	"beckon/runs"
)

// mostExported bounds the runs of one export.
const mostExported = 100_000

func (s *Server) registerExports(api huma.API) {
	route(api, http.MethodGet, "/runs.csv", "export-runs",
		"Export the runs of all clients as CSV, newest first, with tokens and cost", s.exportRuns, answersCSV)
	route(api, http.MethodGet, "/stats.csv", "export-stats",
		"Export the counts of each hour as CSV, with tokens and cost", s.exportStats, answersCSV)
}

func answersCSV(op *huma.Operation) {
	op.Responses["200"] = &huma.Response{
		Description: "OK",
		Content:     map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}
}

type exportInput struct {
	Client string `query:"client" doc:"The id of a client."`
	Agent  string `query:"agent" doc:"The id of an agent or flow."`
	Status string `query:"status" enum:"QUEUED,RUNNING,WAITING,COMPLETED,FAILED,CANCELED"`
	Since  string `query:"since" example:"720h" doc:"Made then or later: a time (RFC 3339), or how long ago."`
}

var runColumns = []string{
	"runId", "status", "clientId", "workflowId", "source", "provider", "model", "degraded", "createdAt",
	"startedAt", "completedAt", "durationMs",
	"promptTokens", "completionTokens", "totalTokens", "cachedTokens", "cacheWriteTokens", "reasoningTokens", "images",
	"audioSeconds", "characters", "costUSD", "errorCode", "verdict",
}

// exportRuns streams the runs page by page: it holds one page in memory.
func (s *Server) exportRuns(ctx context.Context, in *exportInput) (*huma.StreamResponse, error) {
	q := runs.Query{
		ClientID: in.Client,
		Agent:    in.Agent,
		Status:   runs.Status(in.Status),
		Limit:    runs.MaxPage,
		Brief:    true,
	}
	if in.Since != "" {
		var ok bool
		if q.Since, ok = readTime(in.Since, time.Now()); !ok {
			p := problem.New(problem.Invalid, problem.CodeInvalidParameter,
				"since must be a time such as 2026-02-18T12:00:00Z, or how long ago such as 720h.")
			p.Fields.Add("since", "must be a time, or how long ago")
			return nil, p
		}
	}
	list, next, err := s.Calls.Runs.List(ctx, q)
	if err != nil {
		return nil, err
	}
	return streamCSV("runs.csv", runColumns, func(write func(cells ...string)) error {
		for left := mostExported; ; {
			for _, r := range list {
				if left--; left < 0 {
					return nil
				}
				write(runCells(r)...)
			}
			if q.Cursor = next; next == "" {
				return nil
			}
			if list, next, err = s.Calls.Runs.List(ctx, q); err != nil {
				return err
			}
		}
	}), nil
}

func runCells(r *runs.Run) []string {
	code, took, u := "", "", r.Usage
	if r.Error != nil {
		code = r.Error.Code
	}
	if !r.StartedAt.IsZero() && !r.CompletedAt.IsZero() {
		took = strconv.FormatInt(r.CompletedAt.Sub(r.StartedAt).Milliseconds(), 10)
	}
	return []string{
		r.ID, string(r.Status), r.ClientID, r.WorkflowID, r.Source, r.By.Provider, r.By.Model,
		strconv.FormatBool(r.By.Degraded),
		timeCell(r.CreatedAt), timeCell(r.StartedAt), timeCell(r.CompletedAt), took,
		strconv.Itoa(u.PromptTokens), strconv.Itoa(u.CompletionTokens), strconv.Itoa(u.TotalTokens),
		strconv.Itoa(u.CachedTokens), strconv.Itoa(u.CacheWriteTokens),
		strconv.Itoa(u.ReasoningTokens), strconv.Itoa(u.Images), strconv.FormatFloat(u.AudioSeconds, 'f', -1, 64),
		strconv.Itoa(u.Characters), costCell(u.Cost), code, r.Verdict,
	}
}

var statColumns = []string{
	"hour", "runs", "queued", "running", "waiting", "completed", "failed",
	"canceled", "latencyP50Ms", "latencyP95Ms", "tokens", "costUSD",
}

func (s *Server) exportStats(ctx context.Context, in *statsInput) (*huma.StreamResponse, error) {
	since, err := readSince(in.Since)
	if err != nil {
		return nil, err
	}
	stats, err := s.Calls.Runs.Statistics.Since(ctx, since)
	if err != nil {
		return nil, err
	}
	return streamCSV("stats.csv", statColumns, func(write func(cells ...string)) error {
		for _, h := range stats.Hours {
			cells := []string{timeCell(h.At), strconv.FormatInt(h.Runs(), 10)}
			for _, status := range runs.Statuses {
				cells = append(cells, strconv.FormatInt(h.Count(status), 10))
			}
			write(append(cells, strconv.FormatInt(h.P50.Milliseconds(), 10),
				strconv.FormatInt(h.P95.Milliseconds(), 10), strconv.FormatInt(h.Tokens, 10), costCell(h.Cost))...)
		}
		return nil
	}), nil
}

// streamCSV answers with a file. Where its rows can't all be read the connection is aborted, so that a part is not
// taken for the whole.
func streamCSV(name string, columns []string, each func(write func(cells ...string)) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(c huma.Context) {
		c.SetHeader("Content-Type", "text/csv; charset=utf-8")
		c.SetHeader("Content-Disposition", `attachment; filename="`+name+`"`)
		w := csv.NewWriter(c.BodyWriter())
		_ = w.Write(columns)
		err := each(func(cells ...string) {
			for i := range cells {
				cells[i] = harmless(cells[i])
			}
			_ = w.Write(cells) // what the writer has to say it says at the end
		})
		if w.Flush(); err != nil || w.Error() != nil {
			panic(http.ErrAbortHandler)
		}
	}}
}

// harmless keeps a spreadsheet from taking a text for a formula: https://owasp.org/www-community/attacks/CSV_Injection
func harmless(cell string) string {
	if cell != "" && strings.IndexByte("=+-@\t\r\n", cell[0]) >= 0 {
		return "'" + cell
	}
	return cell
}

func timeCell(t time.Time) string {
	if at := timeOrNull(t); at != nil {
		return *at
	}
	return ""
}

// costCell is empty where no model has a price.
func costCell(c spend.Cost) string {
	amount := usd(c.OrNil())
	if amount == nil {
		return ""
	}
	return strconv.FormatFloat(*amount, 'f', -1, 64)
}
