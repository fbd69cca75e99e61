using Grid.Server.Chaos.Histories;
using Xunit;

namespace Grid.Tests.Chaos;

/// <summary>Histories of one key as they are written in tests: text lines without keyspace and key.</summary>
internal static class KeyHistory
{
    /// <summary>The Unix millisecond at which every history of a test begins.</summary>
    public const long OriginUnixMs = 1_700_000_000_000;

    public static History Parse(params string[] lines) => HistoryText.Read(new StringReader(
        $"grid-history 1 origin={OriginUnixMs}\n" + string.Join('\n', lines.Select(WithKey))));

    public static LinearizabilityVerdict Check(params string[] lines) => Check(Parse(lines));

    public static LinearizabilityVerdict Check(History history, long clockErrorMs = 5) =>
        Verdict(history, clockErrorMs).Verdict;

    public static KeyVerdict Verdict(History history, long clockErrorMs = 5) =>
        Assert.Single(LinearizabilityChecker.Check(history, new LinearizabilityOptions { ClockErrorMs = clockErrorMs }));

    private static string WithKey(string line)
    {
        string[] parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return string.Join(' ', [.. parts[..3], "\"ks\"", "\"k\"", .. parts[3..]]);
    }
}
