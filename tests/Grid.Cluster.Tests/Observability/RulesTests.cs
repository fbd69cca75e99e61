using System.Diagnostics;
using System.Text.RegularExpressions;
using Xunit;

namespace Grid.Cluster.Tests.Observability;

/// <summary>The rules and scrape configurations of deploy/observability, by Prometheus' own tool.</summary>
public sealed partial class RulesTests
{
    [Fact]
    public async Task The_rules_pass_their_unit_tests()
    {
        string rules = Path.Combine(Deployed.Observability, "rules");
        await PromtoolAsync(["check", "rules", .. Directory.GetFiles(rules, "*.yml")]);
        string output = await PromtoolAsync(["test", "rules", .. Directory.GetFiles(Path.Combine(rules, "tests"), "*.yml")]);
        Assert.Equal(Directory.GetFiles(Path.Combine(rules, "tests"), "*.yml").Length, Regex.Count(output, "SUCCESS"));
    }

    [Fact]
    public void Every_alert_has_a_unit_test_and_says_what_is_wrong_and_where_to_read_on()
    {
        string tests = File.ReadAllText(Path.Combine(Deployed.Observability, "rules", "tests", "grid.alerts.test.yml"));
        string[] alerts = File.ReadAllText(Path.Combine(Deployed.Observability, "rules", "grid.alerts.yml")).Split("      - alert: ")[1..];
        Assert.NotEmpty(alerts);
        foreach (string alert in alerts)
        {
            string name = alert.Split('\n')[0];
            Assert.Contains($"  - name: {name} fires\n", tests, StringComparison.Ordinal);
            Assert.Contains($"  - name: {name} is silent\n", tests, StringComparison.Ordinal);
            Assert.Matches(@"severity: (info|warning|critical)\n", alert);
            Assert.Contains("          summary: ", alert, StringComparison.Ordinal);
            Assert.Contains("          description: ", alert, StringComparison.Ordinal);
            Assert.Contains($"          runbook_url: deploy/README.md#{name.ToLowerInvariant()}\n", alert, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_scrape_configurations_are_accepted()
    {
        string folder = Path.Combine(Deployed.Observability, "prometheus");
        await PromtoolAsync(["check", "config", Path.Combine(folder, "prometheus.yml")]);

        // Debian's build knows no Kubernetes: all but the discovery itself is checked.
        string kubernetes = File.ReadAllText(Path.Combine(folder, "kubernetes.yml"));
        Assert.Single(Discovery().Matches(kubernetes));
        string copy = Path.Combine(folder, $"check-{Guid.NewGuid():n}.yml");
        await File.WriteAllTextAsync(copy, Discovery().Replace(kubernetes, "    static_configs: []\n"), TestContext.Current.CancellationToken);
        try
        {
            await PromtoolAsync(["check", "config", copy]);
        }
        finally
        {
            File.Delete(copy);
        }
    }

    private static async Task<string> PromtoolAsync(string[] arguments)
    {
        Assert.True(PrometheusServer.IsInstalled, "This test needs promtool: apt-get install prometheus");
        ProcessStartInfo start = new("promtool", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process tool = Process.Start(start)!;
        Task<string> errors = tool.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await tool.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await tool.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(tool.ExitCode == 0, $"promtool {string.Join(' ', arguments)}:\n{output}\n{await errors}");
        return output;
    }

    [GeneratedRegex(@"    kubernetes_sd_configs:\n      - role: pod\n")]
    private static partial Regex Discovery();
}
