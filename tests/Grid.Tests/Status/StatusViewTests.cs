using Grid.Client.Contracts.Operator;
using Grid.Server.Status;
using Spectre.Console;
using Xunit;
using SiloStatus = Grid.Client.Contracts.Operator.SiloStatus;

namespace Grid.Tests.Status;

/// <summary>What <c>grid status</c> shows of syncs and faults to people.</summary>
public sealed class StatusViewTests
{
    private const string B = "127.0.0.1:11112@7";
    private const string C = "127.0.0.1:11113@7";

    [Fact]
    public void What_the_last_windows_decided_shows_when_the_syncs_are_over()
    {
        string text = Render(
            Shard(0, Window("lz4", "every_member_decodes")),
            Shard(1, Window("none", "member_cannot_decode") with { CannotDecode = [B] }),
            Shard(2, Window("lz4", "every_member_decodes")),
            Shard(3, Window("lz4", "every_member_decodes") with { LeftForNext = [B, C] }),
            Shard(4, null));
        Assert.Contains("Last full syncs: lz4, every member decodes it (2 shards); plaintext, beta cannot decode lz4 (shard 1); lz4, every member decodes it, beta and gamma left for the next (shard 3).", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_sync_there_is_nothing_to_say_of_one() =>
        Assert.DoesNotContain("Last full syncs", Render(Shard(0, null)), StringComparison.Ordinal);

    [Theory]
    [InlineData(0, "beta faulted online")]
    [InlineData(5, "beta faulted syncing")]
    public void A_faulted_replica_is_marked_whatever_it_does(long loadedBytes, string expected)
    {
        ShardStatus shard = Shard(0, Window("none", "member_cannot_decode")) with
        {
            Copies = [new CopyStatus { Shard = 0, Silo = B, CopyId = "1", State = "Complete", Phase = "Following", LoadedRawBytes = loadedBytes, Faulted = true, Fault = "a block's checksum differs" }],
        };
        Assert.Contains(expected, Render(shard), StringComparison.Ordinal);
    }

    private static SyncWindowStatus Window(string codec, string reason) => new() { Codec = codec, Reason = reason, Members = [B] };

    private static ShardStatus Shard(int number, SyncWindowStatus? window) =>
        new() { Shard = number, Primary = "a", InSync = ["a", B], Window = window, LastWindow = window is null ? "" : "as decided" };

    private static string Render(params ShardStatus[] shards)
    {
        using StringWriter text = new();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(text) });
        console.Profile.Width = 400;
        ClusterStatus status = new()
        {
            Silos = [Silo("a", "alpha"), Silo(B, "beta"), Silo(C, "gamma")],
            Shards = shards,
            Replicas = 1,
            Warnings = [],
        };
        console.Write(new StatusView(all: true).Render(status));
        return text.ToString();
    }

    private static SiloStatus Silo(string address, string name) => new() { Address = address, Name = name, State = "Active" };
}
