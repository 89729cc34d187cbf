package checks

import (
	"os/exec"
	"path/filepath"
	"testing"

	"hibachi/conformance/suite"
	"hibachi/conformance/target"
)

// Hibachi keeps what it accepted when it is killed.
func TestHibachiIsKilledAndKeepsEvents(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "hibachi")
	if out, err := exec.Command("go", "build", "-o", binary, "hibachi/cmd/hibachi").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	broker, err := target.Start(t.TempDir(), binary)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := broker.Stop(); err != nil {
			t.Error(err)
		}
	}()
	p, err := suite.LoadProfile("hibachi")
	if err != nil {
		t.Fatal(err)
	}
	p.Commands.Restart = broker.Restart
	p.Features = append(p.Features, suite.Restart)
	g, err := suite.NewTarget("amqp://"+broker.Address, p)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := suite.Select(Groups, []string{"forward.persisted"})
	if err != nil {
		t.Fatal(err)
	}
	run, err := g.Execute(t.Context(), groups, Groups, suite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if run.Count(suite.Pass) != 1 {
		for _, f := range run.Groups[0].Results[0].Findings {
			t.Error(f)
		}
		t.Errorf("the verdict is %s", run.Groups[0].Results[0].Verdict)
	}
}
