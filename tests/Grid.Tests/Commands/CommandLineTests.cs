using Grid.Server;
using Xunit;

namespace Grid.Tests.Commands;

/// <summary>What a command line that cannot be used is answered: what was wrong, what is expected, and no type or stack trace of ours.</summary>
public sealed class CommandLineTests
{
    [Theory]
    [InlineData("import dump.rdb --concurrency many", "grid: --concurrency: 'many' cannot be used; a whole number is expected.")]
    [InlineData("import dump.rdb --durability Some", "grid: --durability: 'Some' cannot be used; one of Primary, Replicated is expected.")]
    [InlineData("set key value --if-version x", "grid: --if-version: 'x' cannot be used; a whole number, 0 or more, is expected.")]
    [InlineData("get key --timeout soon", "grid: --timeout: 'soon' cannot be used; a number is expected.")]
    [InlineData("scan --limit few", "grid: --limit: 'few' cannot be used; a whole number is expected.")]
    [InlineData("serve --silo-port x", "grid: --silo-port: 'x' cannot be used; a whole number is expected.")]
    [InlineData("digest --wait -1", "grid: --wait is 0 to 3600 seconds.")]
    [InlineData("digest --wiat 1", "Did you mean --wait?")]
    [InlineData("stauts", "Did you mean status?")]
    [InlineData("import", "grid: Required argument 'FILE' missing for command: 'import'.")]
    [InlineData("shard", "'grid shard --help' lists what there is.")]
    [InlineData("", "'grid --help' lists what there is.")]
    public void A_wrong_command_line_is_told_what_is_expected(string line, string expected)
    {
        StringWriter errors = new();
        Assert.False(CommandLines.TryParse(GridCommand.Create(), line.Split(' ', StringSplitOptions.RemoveEmptyEntries), errors, out _));
        string told = errors.ToString();
        Assert.Contains(expected, told);
        Assert.DoesNotContain("System.", told);
        Assert.DoesNotContain("Grid.", told);
        Assert.All(told.Split('\n', StringSplitOptions.RemoveEmptyEntries), static one => Assert.False(string.IsNullOrWhiteSpace(one)));
    }

    [Fact]
    public void A_right_one_is_read()
    {
        StringWriter errors = new();
        Assert.True(CommandLines.TryParse(GridCommand.Create(), ["set", "key", "value", "--ttl", "30s", "--if-version", "7"], errors, out _), errors.ToString());
        Assert.Empty(errors.ToString());
    }
}
