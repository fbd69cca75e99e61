using System.Runtime.CompilerServices;
using Grid.Formats.Operations;
using Grid.Server.Chaos.Histories;
using Xunit;

namespace Grid.Tests.Chaos;

/// <summary>The text form of histories: what is written can be read, and the form of the golden file is read for ever.</summary>
public sealed class HistoryTextTests
{
    [Fact]
    public void The_golden_file_is_read_and_written_as_it_is()
    {
        string golden = File.ReadAllText(Path.Combine(Folder(), "golden-history-1.txt"));
        History history = HistoryText.Read(new StringReader(golden));
        StringWriter written = new();
        HistoryText.Write(written, history);
        Assert.Equal(golden, written.ToString());
    }

    [Fact]
    public void Everything_that_an_operation_says_is_in_its_line()
    {
        HistoryOperation operation = new()
        {
            Client = 7,
            CallUs = -5,
            ReturnUs = 123_456_789_012,
            Keyspace = "a \"b\" \\",
            Key = "line\nline\u0000\ud83d\ude00",
            Action = HistoryAction.Set,
            Value = "",
            Condition = WriteCondition.IfVersion,
            IfVersion = ulong.MaxValue,
            KeepsExpiry = true,
            TimeToLiveMs = 5,
            Outcome = HistoryOutcome.Failed,
            Version = 1,
            Found = "-> ok",
            Number = long.MinValue,
            ExpiresAtMs = 0,
            MayBeLost = true,
        };
        string line = HistoryText.Line(operation);
        Assert.Equal(operation, HistoryLine.Read(line));
        Assert.DoesNotContain('\n', line);
    }

    [Theory]
    [InlineData("", "Line 1")]
    [InlineData("grid-history 2 origin=0", "Line 1")]
    [InlineData("grid-history 1 origin=0\n1 0 10 \"a\" \"b\" get", "Line 2: The line ends where \"->\" was expected.")]
    [InlineData("grid-history 1 origin=0\n\n# told\n1 0 10 \"a\" \"b\" got -> ok", "Line 4: \"got\" is not one of get, ")]
    [InlineData("grid-history 1 origin=0\n1 0 x \"a\" \"b\" get -> ok", "Line 2: ")]
    [InlineData("grid-history 1 origin=0\n1 0 1 \"a\" \"b get -> ok", "Line 2: A closing quotation mark is missing.")]
    [InlineData("grid-history 1 origin=0\n1 0 1 a b get -> ok", "Line 2: No quotation marks where a keyspace was expected.")]
    [InlineData("grid-history 1 origin=0\n1 0 1 \"a\" \"b\" get -> ok version=1", "Line 2: \"1\" is no version")]
    [InlineData("grid-history 1 origin=0\n1 0 1 \"a\" \"b\" get -> ok version=1:99999999999999", "Line 2: ")]
    [InlineData("grid-history 1 origin=0\n1 0 1 \"a\" \"b\" get ttl -> ok", "Line 2: \"ttl\" is nothing that can be asked for.")]
    [InlineData("grid-history 1 origin=0\n1 0 1 \"a\" \"b\" get -> ok nice", "Line 2: \"nice\" is nothing that can be shown.")]
    public void What_is_wrong_with_a_file_is_told_with_its_line(string text, string told) =>
        Assert.StartsWith(told, Assert.Throws<HistoryFormatException>(() => HistoryText.Read(new StringReader(text))).Message);

    private static string Folder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
