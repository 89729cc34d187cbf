package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"hibachi/cmd/hibachi/client"
)

func receiveCommand() *cobra.Command {
	var (
		endpoint endpointFlags
		o        client.ReceiveOptions
	)
	c := &cobra.Command{
		Use:   "receive TENANT",
		Short: "Receive events as a business application would, or just look at them",
		Long: `With --app: receives the events of TENANT as that application, and accepts each one once it is printed. An application
holds events from its creation on until it has received them, so a name that the tenant does not know needs --create.
Receiving with the same name at several places shares the events; order is kept for each device.
The name $default is the application behind the plain address event/TENANT, which Hono's own clients use.

Without --app: shows the events that are stored, and takes nothing.

Prints device, time, content type and body. Ends when there is nothing more, after --count events, or with --follow when it is
interrupted. Whatever ends it, nothing is taken that was not printed.`,
		Example: `  hibachi receive acme
  hibachi receive acme --app dashboard --create --follow
  hibachi receive acme --app dashboard --json --count 10`,
		Args: oneTenant,
		RunE: func(c *cobra.Command, args []string) error {
			e, err := endpoint.endpoint()
			if err != nil {
				return err
			}
			o.Tenant = args[0]
			o.Out = c.OutOrStdout()
			if err := o.Validate(); err != nil {
				return usageError{err}
			}
			n, err := client.Receive(c.Context(), e, o)
			if err == nil || n > 0 {
				fmt.Fprintln(c.ErrOrStderr(), receiveSummary(o, n))
			}
			return err
		},
	}
	c.Flags().StringVar(&o.Application, "app", "", "the application; without it the events are only looked at")
	c.Flags().BoolVar(&o.Create, "create", false, "make the application if the tenant does not know it")
	c.Flags().IntVar(&o.Count, "count", 0, "end after so many events (default no such end)")
	c.Flags().BoolVar(&o.Follow, "follow", false, "go on waiting when there is nothing more")
	c.Flags().DurationVar(&o.Quiet, "quiet", 500*time.Millisecond, "without --follow: nothing new for so long is the end")
	c.Flags().BoolVar(&o.JSON, "json", false, "print one JSON object a line, with all properties")
	endpoint.add(c)
	return c
}

// receiveSummary is the last line, on stderr: stdout carries events only.
func receiveSummary(o client.ReceiveOptions, n int) string {
	events := fmt.Sprintf("%d events", n)
	if n == 1 {
		events = "1 event"
	}
	if o.Application == "" {
		return fmt.Sprintf("%s of tenant %s, nothing taken", events, o.Tenant)
	}
	return fmt.Sprintf("%s received by application %s of tenant %s", events, o.Application, o.Tenant)
}
