using System.Text.RegularExpressions;
using Grid.Cluster.Tests.Server;
using Xunit;

namespace Grid.Cluster.Tests.Deploy;

/// <summary>Links of the pages, and that each alert has its place on the page "Running in production".</summary>
public sealed partial class RunbookTests
{
    private static readonly string Deploy = Path.Combine(ConfigurationPagesTests.Root(), "deploy");
    private static readonly string Page = Path.Combine(Deploy, "README.md");

    [Fact]
    public void Each_alert_has_a_place_on_the_page_that_its_link_leads_to()
    {
        string rules = Path.Combine(Deploy, "observability", "rules", "grid.alerts.yml");
        string text = File.ReadAllText(rules);
        string[] alerts = [.. Alert().Matches(text).Select(match => match.Groups[1].Value)];
        string[] links = [.. Link().Matches(text).Select(match => match.Groups[1].Value)];
        HashSet<string> anchors = Anchors(Page);

        Assert.NotEmpty(alerts);
        Assert.Equal(alerts.Length, links.Length);
        Assert.All(alerts, alert => Assert.Contains(alert.ToLowerInvariant(), links));
        Assert.All(links, link => Assert.Contains(link, anchors));
        Assert.Empty(Headings(Page).Where(heading => heading.StartsWith("Grid", StringComparison.Ordinal)).Except(alerts));
    }

    [Theory]
    [InlineData("deploy/README.md")]
    [InlineData("deploy/kubernetes/README.md")]
    [InlineData("src/Grid.Server/README.md")]
    [InlineData("src/Grid.Server/Configuration/REFERENCE.md")]
    public void Links_lead_somewhere(string page)
    {
        string file = Path.Combine(ConfigurationPagesTests.Root(), page);
        foreach (Match link in Target().Matches(File.ReadAllText(file)))
        {
            string[] parts = link.Groups[1].Value.Split('#', 2);
            string target = parts[0].Length == 0 ? file : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, parts[0]));
            Assert.True(Path.Exists(target), $"{page} links to {link.Groups[1].Value}, which is not there.");
            if (parts.Length > 1)
                Assert.Contains(parts[1], Anchors(target));
        }
    }

    private static HashSet<string> Anchors(string page) => [.. Headings(page).Select(heading => NoLetter().Replace(heading.ToLowerInvariant(), "").Replace(' ', '-'))];

    private static IEnumerable<string> Headings(string page) => File.ReadLines(page).Where(line => line.StartsWith('#')).Select(line => line.TrimStart('#').Trim());

    [GeneratedRegex(@"^\s*-?\s*alert:\s*(\w+)", RegexOptions.Multiline)]
    private static partial Regex Alert();

    [GeneratedRegex(@"runbook_url:.*deploy/README\.md#([\w-]+)")]
    private static partial Regex Link();

    [GeneratedRegex(@"\]\((?!https?:)([^)\s]+)\)")]
    private static partial Regex Target();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NoLetter();
}
