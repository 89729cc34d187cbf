package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hibachi/cmd/hibachi/client"
)

func sendCommand() *cobra.Command {
	var (
		endpoint endpointFlags
		o        client.SendOptions
		body     string
	)
	c := &cobra.Command{
		Use:   "send TENANT",
		Short: "Send events as one of Hono's protocol adapters would",
		Long: `Sends events of one or more devices to event/TENANT, as one of Hono's protocol adapters would, and waits for the outcome of
each. Outcomes other than "accepted" are printed; if there is one, or an event could not be sent, the exit code is 1.
Nothing is sent twice.`,
		Example: `  hibachi send acme
  hibachi send acme --device sensor-1 --device sensor-2 --count 1000
  hibachi send acme --body '{"t": {n}, "from": "{device}"}' --count 3
  hibachi send acme --body - --content-type image/png <picture.png`,
		Args: oneTenant,
		RunE: func(c *cobra.Command, args []string) error {
			e, err := endpoint.endpoint()
			if err != nil {
				return err
			}
			o.Tenant = args[0]
			o.Out = c.OutOrStdout()
			o.Progress = client.NewProgress(c.ErrOrStderr(), isTerminal(c.ErrOrStderr()), time.Now)
			if o.Body, err = sendBody(c, body); err != nil {
				return err
			}
			if o.Count == 0 || o.Window == 0 {
				return usageError{errors.New("--count and --window are at least 1")}
			}
			if err := o.Validate(); err != nil {
				return usageError{err}
			}
			_, err = client.Send(c.Context(), e, o)
			return err
		},
	}
	c.Flags().StringSliceVar(&o.Devices, "device", []string{"device-1"}, "the device an event is from; several are used in turn")
	c.Flags().IntVar(&o.Count, "count", 1, "how many events")
	c.Flags().StringVar(&body, "body", "", "the payload, {n} and {device} in it are filled in; - reads one from stdin as it is (default a JSON document with a counter)")
	c.Flags().StringVar(&o.ContentType, "content-type", "", "type of the payload (default what fits it)")
	c.Flags().DurationVar(&o.TTL, "ttl", 0, "time to live of the events")
	c.Flags().IntVar(&o.Window, "window", 100, "how many events may wait for their outcome at a time")
	endpoint.add(c)
	return c
}

// sendBody reads what --body names.
func sendBody(c *cobra.Command, body string) (client.Body, error) {
	switch {
	case !c.Flags().Changed("body"):
		return client.Body{}, nil
	case body != "-":
		return client.Body{Content: []byte(body), Template: true}, nil
	}
	content, err := io.ReadAll(c.InOrStdin())
	if err != nil {
		return client.Body{}, fmt.Errorf("read the body from stdin: %w", err)
	}
	return client.Body{Content: content}, nil
}

// isTerminal tells whether a person is at the other end of w.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
