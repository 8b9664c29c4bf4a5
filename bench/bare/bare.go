// Package bare is the least that a gateway in Go could be: Echo in front, go-openai behind, and nothing recorded.
package bare

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/sashabaranov/go-openai"
)

// idlePerHost is what the gateway's own transport keeps too; with net/http's 2 this floor would be a slow one.
const idlePerHost = 512

// Handler answers POST / with {"prompt":"…"} by asking the model at url for a chat completion: 200 {"response":"…"},
// and 502 when the model fails. GET /ready answers at once.
func Handler(url string) http.Handler {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, idlePerHost
	config := openai.DefaultConfig("bench")
	config.BaseURL, config.HTTPClient = url, &http.Client{Transport: transport}
	model := openai.NewClientWithConfig(config)

	e := echo.New()
	e.GET("/ready", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	e.POST("/", func(c echo.Context) error {
		var call struct {
			Prompt string `json:"prompt"`
		}
		if err := c.Bind(&call); err != nil {
			return err
		}
		answer, err := model.CreateChatCompletion(c.Request().Context(), openai.ChatCompletionRequest{
			Model: "bench",
			Messages: []openai.ChatCompletionMessage{
				{Role: openai.ChatMessageRoleSystem, Content: "Be brief."}, {Role: openai.ChatMessageRoleUser, Content: call.Prompt}},
		})
		if err != nil || len(answer.Choices) == 0 {
			return echo.NewHTTPError(http.StatusBadGateway, "the model gave no answer").SetInternal(err)
		}
		return c.JSON(http.StatusOK, map[string]string{"response": answer.Choices[0].Message.Content})
	})
	return e
}
