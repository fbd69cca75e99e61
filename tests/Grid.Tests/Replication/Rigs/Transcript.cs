using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Xunit;

namespace Grid.Tests.Replication.Rigs;

/// <summary>
/// What was said on a stage, line by line, and the text that it has to be: kept beside the test, in the folder
/// <c>Transcripts</c>, and written anew only when <see cref="WriteVariable"/> is set.
/// </summary>
internal sealed partial class Transcript
{
    /// <summary>Set to 1, transcripts that changed are written, and their tests fail once, so that nobody overlooks it.</summary>
    public const string WriteVariable = "GRID_WRITE_TRANSCRIPTS";

    private readonly List<string> _lines = [];
    private readonly Dictionary<string, List<string>> _copies = [];
    private long _ms = -1;

    /// <summary>A line of the script: what the scenario does.</summary>
    public void Act(long ms, string what) => Add(ms, $"> {what}");

    /// <summary>Something that happened at one silo.</summary>
    public void Say(long ms, string silo, string what) => Add(ms, $"{silo,-7} {what}");

    /// <summary>Something that came from one silo to another.</summary>
    public void Pass(long ms, string from, string arrow, string to, string what) => Add(ms, $"{from} {arrow} {to}  {what}");

    public override string ToString() => string.Join('\n', _lines) + "\n";

    /// <summary>Compares with the text kept for a test; <paramref name="variant"/> tells several of one test apart.</summary>
    public void Check(string variant, string test, string testFile)
    {
        string folder = FolderOf(testFile);
        string file = Path.Combine(folder, variant.Length == 0 ? $"{test}.txt" : $"{test}.{variant}.txt");
        string expected = File.Exists(file) ? File.ReadAllText(file) : "";
        string actual = ToString();
        if (actual == expected)
            return;
        if (Environment.GetEnvironmentVariable(WriteVariable) == "1")
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText(file, actual);
            Assert.Fail($"{Path.GetFileName(file)} was written, because it differed: read its difference, then run again without {WriteVariable}.");
        }

        Assert.Fail($"{Path.GetFileName(file)} differs {Difference(expected, actual)}\nIf that is meant, run once with {WriteVariable}=1 and read the difference. What happened:\n{actual}");
    }

    /// <summary>Where the transcripts of the tests in a source file are.</summary>
    public static string FolderOf(string testFile) => Path.Combine(Path.GetDirectoryName(testFile)!, "Transcripts");

    private static string Difference(string expected, string actual)
    {
        string[] left = expected.Split('\n'), right = actual.Split('\n');
        int line = 0;
        while (line < left.Length && line < right.Length && left[line] == right[line])
            line++;
        return $"in line {line + 1}:\n  expected: {left.ElementAtOrDefault(line)}\n  was:      {right.ElementAtOrDefault(line)}";
    }

    private void Add(long ms, string what)
    {
        string time = ms == _ms ? "" : ms.ToString(CultureInfo.InvariantCulture);
        _ms = ms;
        _lines.Add($"{time,6}  {Named(what)}".TrimEnd());
    }

    /// <summary>Copies are named by their silo and the order in which they came to be: <c>b#2</c> is the second one on b.</summary>
    private string Named(string text) => CopyNames().Replace(text, match =>
    {
        string silo = match.Groups[1].Value, id = match.Groups[2].Value;
        if (!_copies.TryGetValue(silo, out List<string>? ids))
            _copies.Add(silo, ids = []);
        if (!ids.Contains(id))
            ids.Add(id);
        return new StringBuilder(silo).Append('#').Append(ids.IndexOf(id) + 1).ToString();
    });

    [GeneratedRegex(@"\b([a-z])/([0-9a-f]{8})\b")]
    private static partial Regex CopyNames();
}
