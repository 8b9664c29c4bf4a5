package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Result is how one measurement went.
type Result struct {
	Requests int // answered, all of them as they should
	Took     time.Duration
	P50, P99 time.Duration
}

// Rate is in requests per second.
func (r Result) Rate() float64 { return float64(r.Requests) / r.Took.Seconds() }

// printed is what we read of bombardier's JSON. Latencies are in microseconds.
type printed struct {
	Result struct {
		Seconds float64 `json:"timeTakenSeconds"`
		Req1xx  int     `json:"req1xx"`
		Req2xx  int     `json:"req2xx"`
		Req3xx  int     `json:"req3xx"`
		Req4xx  int     `json:"req4xx"`
		Req5xx  int     `json:"req5xx"`
		Others  int     `json:"others"`
		Errors  []struct {
			Description string `json:"description"`
			Count       int    `json:"count"`
		} `json:"errors"`
		Latency struct {
			Percentiles map[string]int64 `json:"percentiles"`
		} `json:"latency"`
	} `json:"result"`
}

// parse reads what bombardier has printed. refused says that every answer has to be a 4xx, and not a 2xx.
func parse(out []byte, refused bool) (Result, error) {
	var p printed
	if err := json.Unmarshal(out, &p); err != nil {
		return Result{}, fmt.Errorf("read what the load generator printed: %w", err)
	}
	r := p.Result
	wanted, n := "2xx", r.Req2xx
	if refused {
		wanted, n, r.Req4xx = "4xx", r.Req4xx, 0
	} else {
		r.Req2xx = 0
	}
	if len(r.Errors) > 0 {
		return Result{}, fmt.Errorf("%d of %d requests got no answer: %s", r.Errors[0].Count, n+r.Others, r.Errors[0].Description)
	}
	if failed := r.Req1xx + r.Req2xx + r.Req3xx + r.Req4xx + r.Req5xx + r.Others; failed > 0 {
		return Result{}, fmt.Errorf("%d of %d answers were not %s (2xx %d, 3xx %d, 4xx %d, 5xx %d, other %d)",
			failed, failed+n, wanted, r.Req2xx, r.Req3xx, r.Req4xx, r.Req5xx, r.Req1xx+r.Others)
	}
	p50, p99 := r.Latency.Percentiles["50"], r.Latency.Percentiles["99"]
	if n == 0 || r.Seconds <= 0 || p50 <= 0 || p99 <= 0 {
		return Result{}, errors.New("the load generator measured nothing")
	}
	return Result{Requests: n, Took: time.Duration(r.Seconds * float64(time.Second)),
		P50: time.Duration(p50) * time.Microsecond, P99: time.Duration(p99) * time.Microsecond}, nil
}
