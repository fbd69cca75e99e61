using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace Grid.Tests.Tidy;

/// <summary>Keeps house: what no compiler checks.</summary>
public sealed partial class TidyTests
{
    private const int LinesMax = 400;

    /// <summary>Files that may be longer, each with its reason.</summary>
    private static readonly Dictionary<string, string> LongFiles = [];

    /// <summary>Layers, each with those that it may refer to. Who is not here may refer to any.</summary>
    private static readonly Dictionary<string, string[]> Layers = new()
    {
        ["Grid.Formats"] = [],
        ["Grid.Storage"] = ["Grid.Formats"],
        ["Grid.Replication"] = ["Grid.Formats", "Grid.Storage"],
        ["Grid.Client"] = ["Grid.Formats"],
        ["Grid.Streams"] = ["Grid.Formats"],
    };

    private static readonly string[] PureLayers = ["Grid.Formats", "Grid.Storage", "Grid.Replication"];

    public static TheoryData<string> Projects =>
        [.. Directory.GetDirectories(Path.Combine(Root(), "src")).Where(folder => Directory.GetFiles(folder, "*.csproj").Length > 0).Select(folder => Path.GetFileName(folder)!)];

    [Fact]
    public void No_file_is_longer_than_a_reader_can_hold()
    {
        string[] tooLong = [.. Sources().Where(file => File.ReadLines(file).Count() > LinesMax && !LongFiles.ContainsKey(Path.GetFileName(file))).Select(Shown)];
        Assert.Empty(tooLong);
    }

    [Fact]
    public void The_pure_layers_read_no_clock_start_no_task_and_throw_no_dice()
    {
        List<string> found = [];
        foreach (string file in Sources().Where(file => PureLayers.Any(layer => Shown(file).StartsWith($"src/{layer}/", StringComparison.Ordinal))))
        {
            int line = 0;
            foreach (string text in File.ReadLines(file))
            {
                line++;
                if (Impure().Match(WithoutComment(text)) is { Success: true } match)
                    found.Add($"{Shown(file)}:{line}: {match.Value}");
            }
        }

        Assert.Empty(found);
    }

    [Fact]
    public void Nothing_is_left_for_later()
    {
        string own = Path.GetFileName(OwnPath());
        string[] left = [.. Sources().Where(file => Path.GetFileName(file) != own).SelectMany(file => File.ReadLines(file).Select((text, i) => (text, where: $"{Shown(file)}:{i + 1}")))
            .Where(line => Postponed().IsMatch(line.text)).Select(line => line.where)];
        Assert.Empty(left);
    }

    /// <summary>Neither the compiler nor <c>dotnet format whitespace</c> looks at it, and all else that <c>dotnet format</c> looks at is the compiler's.</summary>
    [Fact]
    public void Imports_are_in_the_order_of_their_names_the_systems_first()
    {
        string[] found = [.. Sources().Where(file => ImportsOf(file) is var imports && !imports.SequenceEqual(imports
            .OrderBy(name => name != "System" && !name.StartsWith("System.", StringComparison.Ordinal))
            .ThenBy(name => name.Replace('.', '\0'), StringComparer.OrdinalIgnoreCase))).Select(Shown)];
        Assert.Empty(found);

        static string[] ImportsOf(string file) => [.. File.ReadLines(file)
            .TakeWhile(line => !line.StartsWith("namespace ", StringComparison.Ordinal)).Select(line => Import().Match(line)).Where(match => match.Success).Select(match => match.Groups[1].Value)];
    }

    [Fact]
    public void Every_log_line_has_its_fields_by_a_generated_method()
    {
        string[] found = [.. Sources().Where(file => Shown(file).StartsWith("src/", StringComparison.Ordinal))
            .SelectMany(file => File.ReadLines(file).Select((text, i) => (text, where: $"{Shown(file)}:{i + 1}")))
            .Where(line => LogCall().IsMatch(line.text)).Select(line => line.where)];
        Assert.Empty(found);
    }

    /// <summary>A step that throws may be half done, and must end the reign: so no step is taken beside the one place that sees to it.</summary>
    [Fact]
    public void The_shell_of_a_primary_calls_it_where_a_defect_ends_its_reign_and_nowhere_else()
    {
        string[] shell = [.. Sources().Where(file => Shown(file).StartsWith("src/Grid.Silo/Grains/ShardGrain", StringComparison.Ordinal))];
        Assert.True(shell.Length > 5, $"Only {shell.Length} files of it were found.");
        string[] found = [.. shell.SelectMany(file => File.ReadLines(file).Select((text, i) => (text: WithoutComment(text), where: $"{Shown(file)}:{i + 1}")))
            .Where(line => StepOfPrimary().IsMatch(line.text)).Select(line => line.where)];
        Assert.Empty(found);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Each_layer_refers_only_to_those_that_it_may(string project)
    {
        XDocument file = XDocument.Load(Path.Combine(Root(), "src", project, $"{project}.csproj"));
        string[] references = [.. file.Descendants("ProjectReference").Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value))];
        if (Layers.TryGetValue(project, out string[]? allowed))
            Assert.Empty(references.Except(allowed));
        if (PureLayers.Contains(project))
            Assert.DoesNotContain(file.Descendants("PackageReference"), reference => reference.Attribute("Include")!.Value.StartsWith("Microsoft.Orleans", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Each_project_has_a_page_of_its_own(string project) =>
        Assert.True(File.Exists(Path.Combine(Root(), "src", project, "README.md")), $"src/{project}/README.md is missing.");

    private static IEnumerable<string> Sources() =>
        Directory.EnumerateFiles(Path.Combine(Root(), "src"), "*.cs", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(Path.Combine(Root(), "tests"), "*.cs", SearchOption.AllDirectories))
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}") && !file.Contains($"{Path.DirectorySeparatorChar}bin{Path.DirectorySeparatorChar}"));

    private static string WithoutComment(string line)
    {
        int comment = line.IndexOf("//", StringComparison.Ordinal);
        return comment < 0 ? line : line[..comment];
    }

    private static string Shown(string file) => Path.GetRelativePath(Root(), file).Replace('\\', '/');

    private static string Root() => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(OwnPath())!, "..", "..", ".."));

    private static string OwnPath([CallerFilePath] string path = "") => path;

    [GeneratedRegex(@"\bDateTime(Offset)?\.(Utc)?Now\b|\bStopwatch\b|\bTask\.(Delay|Run)\b|\bRandom\.Shared\b|\bnew Random\b|\bThread\.(Sleep|Start)\b|\bnew Thread\b|\bThreadPool\b|\bEnvironment\.TickCount(64)?\b|\bGuid\.NewGuid\b")]
    private static partial Regex Impure();

    [GeneratedRegex(@"\.(Log(Trace|Debug|Information|Warning|Error|Critical)|Log)\((LogLevel|exception|\$?"")")]
    private static partial Regex LogCall();

    [GeneratedRegex(@"^using ([\w.]+);$")]
    private static partial Regex Import();

    [GeneratedRegex(@"\b_primary[?!]?\.(?!View)\w+\(")]
    private static partial Regex StepOfPrimary();

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX)\b")]
    private static partial Regex Postponed();
}
