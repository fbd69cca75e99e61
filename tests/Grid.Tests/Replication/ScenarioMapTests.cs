using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>Keeps <c>Scenarios.md</c> and the kept transcripts true: what they name is there.</summary>
public sealed partial class ScenarioMapTests
{
    [Fact]
    public void Every_test_that_the_map_names_exists()
    {
        string[] lines = File.ReadAllLines(Path.Combine(Here(), "Scenarios.md"));
        (string Type, string Method)[] named = [.. lines.SelectMany(line => Names().Matches(line)).Select(match => (match.Groups[1].Value, match.Groups[2].Value))];
        HashSet<(string, string)> there = [.. Tests()];
        Assert.True(named.Length > 50, $"Only {named.Length} tests are named.");
        Assert.DoesNotContain(named, test => !there.Contains(test));
    }

    [Fact]
    public void Every_line_of_the_map_names_a_test()
    {
        string[] rows = [.. File.ReadAllLines(Path.Combine(Here(), "Scenarios.md")).Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| line ", StringComparison.Ordinal) && !line.StartsWith("| ---", StringComparison.Ordinal))];
        Assert.DoesNotContain(rows, row => !Names().IsMatch(row));
    }

    [Fact]
    public void Every_kept_transcript_belongs_to_a_scenario()
    {
        string[] files = Directory.GetFiles(Path.Combine(Here(), "Scenarios"), "*.cs");
        string sources = string.Concat(files.Select(File.ReadAllText));
        List<string> orphans = [];
        foreach (string name in Directory.EnumerateFiles(Transcript.FolderOf(files[0]), "*.txt").Select(file => Path.GetFileNameWithoutExtension(file)!))
        {
            string[] parts = name.Split('.', 2);
            bool isTest = sources.Contains($"public void {parts[0]}(", StringComparison.Ordinal);
            bool isVariant = parts.Length == 1 || sources.Contains($"\"{parts[1]}\"", StringComparison.Ordinal);
            if (!isTest || !isVariant)
                orphans.Add(name);
        }

        Assert.Empty(orphans);
    }

    /// <summary>All tests of the test projects, by the text of their sources, since not all of them are in this assembly.</summary>
    private static IEnumerable<(string Type, string Method)> Tests() =>
        from project in (string[])["Grid.Tests", "Grid.Cluster.Tests"]
        from file in Directory.EnumerateFiles(Path.Combine(Here(), "..", "..", project), "*.cs", SearchOption.AllDirectories)
        where !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)
        from Match method in Methods().Matches(File.ReadAllText(file))
        select (Path.GetFileNameWithoutExtension(file), method.Groups[1].Value);

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    [GeneratedRegex(@"`(\w+)\.(\w+)`")]
    private static partial Regex Names();

    [GeneratedRegex(@"\[(?:Fact|Theory)[^\]]*\]\s*(?:\[[^\n]*\]\s*)*public (?:async )?(?:void|Task) (\w+)\(")]
    private static partial Regex Methods();
}
