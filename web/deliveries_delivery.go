package web

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/deliveries"
	"beckon/internal/problem"
)

// maxAttempts is how many attempts the page of a delivery has, the newest.
const maxAttempts = 30

// deliveryScreen is what the page of a delivery shows.
type deliveryScreen struct {
	deliveryRow
	EventID, Client, Agent string
	Reason                 string
	CompletedAt            time.Time
	Shown                  []attemptRow // newest first
	Older                  int64        // attempts that aren't shown
	Live                   bool         // something may still happen to it
	CanResend              bool
	Notice                 string
	Error                  string       // what could not be done
	Private                *privateNote // how the private address of the last attempt is allowed; nil where it was none
}

// attemptRow is one attempt at a delivery.
type attemptRow struct {
	Number     int
	Reason     string
	URL        string
	StatusCode int
	At         time.Time
	Took       time.Duration
	Headers    []sentHeader
	Body       shownText
	CutOff     bool // there was more than is kept
	Error      *problem.Failure
}

type sentHeader struct{ Name, Value string }

// Crumb is its place below the list.
func (s deliveryScreen) Crumb() string { return s.ID }

// Path is the address of the delivery's page.
func (s deliveryScreen) Path() string { return deliveryAddress(s.ID, "") }

func (w *Web) deliveryPage() page {
	path := deliveriesPath + "/:id"
	return page{path: path, template: "delivery", title: "Delivery", data: w.showDelivery,
		posts: map[string]echo.HandlerFunc{path + "/resend": w.resendDelivery}}
}

func (w *Web) showDelivery(c echo.Context) (any, error) {
	s, err := w.deliveryScreenOf(c.Request().Context(), c.Param("id"))
	s.Notice = deliveryNotice(c)
	return s, err
}

func (w *Web) deliveryScreenOf(ctx context.Context, id string) (s deliveryScreen, err error) {
	d, attempts, err := w.Backend.Deliveries.Get(ctx, id)
	if err != nil {
		return s, err
	}
	rows, err := w.deliveryRows(ctx, []*deliveries.Delivery{d})
	if err != nil {
		return s, err
	}
	s = deliveryScreen{
		deliveryRow: rows[0],
		EventID:     d.EventID,
		Client:      d.ClientID,
		Agent:       d.WorkflowID,
		Reason:      reasonOf(d.Reason),
		CompletedAt: d.CompletedAt,
		Live:        d.CompletedAt.IsZero(),
		CanResend:   d.Status != deliveries.Sending && d.Type != deliveries.EndpointTest,
	}
	slices.Reverse(attempts)
	if len(attempts) > maxAttempts {
		s.Older, attempts = int64(len(attempts)-maxAttempts), attempts[:maxAttempts]
	}
	shown := newTexts(s.Path() + "/text")
	for _, a := range attempts {
		s.Shown = append(s.Shown, newAttemptRow(a, shown))
	}
	if len(attempts) > 0 && attempts[0].Error != nil {
		s.Private = w.privateNoteOf(attempts[0].Error.Message)
	}
	return s, nil
}

func newAttemptRow(a deliveries.Attempt, shown *texts) attemptRow {
	row := attemptRow{
		Number:     a.Number,
		Reason:     reasonOf(a.Reason),
		URL:        a.URL,
		StatusCode: a.StatusCode,
		At:         a.StartedAt,
		Took:       a.Duration,
		CutOff:     a.Truncated,
		Error:      a.Error,
		Body:       shown.show("Answer to attempt "+strconv.Itoa(a.Number), a.ResponseBody, "attempt", strconv.Itoa(a.Number)),
	}
	for _, name := range slices.Sorted(maps.Keys(a.RequestHeaders)) {
		row.Headers = append(row.Headers, sentHeader{name, a.RequestHeaders[name]})
	}
	return row
}

// reasonOf says why an attempt is made.
func reasonOf(reason string) string {
	if text, ok := map[string]string{
		deliveries.ReasonFirst:   "the first",
		deliveries.ReasonRetry:   "a retry",
		deliveries.ReasonResend:  "sent again by hand",
		deliveries.ReasonRecover: "sent again with all that had failed",
		deliveries.ReasonTest:    "a test",
	}[reason]; ok {
		return text
	}
	return reason
}

func (w *Web) resendDelivery(c echo.Context) error {
	ctx, id := c.Request().Context(), c.Param("id")
	err := w.Backend.Deliveries.Resend(ctx, id)
	if err == nil {
		if err := w.Backend.Editor.Note(ctx, userOf(c), "resend", "deliveries", id, nil); err != nil {
			return err
		}
		return redirect(c, deliveryAddress(id, "resent"))
	}
	sentence, status, ok := userMessage(err)
	if !ok {
		return err
	}
	s, err := w.deliveryScreenOf(ctx, id)
	if err != nil {
		return err
	}
	s.Error = sentence
	return w.screens.draw(c, status, w.deliveryPage(), s)
}

// deliveryTextPage has what receivers have answered, as it is.
func (w *Web) deliveryTextPage() page {
	return page{path: deliveriesPath + "/:id/text", template: "delivery", title: "Delivery", data: func(c echo.Context) (any, error) {
		_, attempts, err := w.Backend.Deliveries.Get(c.Request().Context(), c.Param("id"))
		if err != nil {
			return nil, err
		}
		number, err := strconv.Atoi(c.QueryParam("attempt"))
		i := slices.IndexFunc(attempts, func(a deliveries.Attempt) bool { return a.Number == number })
		if err != nil || i < 0 {
			return nil, errNoText()
		}
		return nil, plainText(c, attempts[i].ResponseBody)
	}}
}

// deliveryAddress is the page of a delivery.
func deliveryAddress(id, done string) string {
	address := deliveriesPath + "/" + url.PathEscape(id)
	if done != "" {
		address += "?done=" + done
	}
	return address
}

// deliveryNotice says what the last action has done. The address only names the action, so that nobody can put words on the page.
func deliveryNotice(c echo.Context) string {
	return map[string]string{
		"resent": "It is being sent again, with all retries. The event keeps its ID.",
		"tested": "The test was sent. This is the result; a test is not retried.",
	}[c.QueryParam("done")]
}
