using Grid.Streams;
using Grid.Streams.Hosting;
using Xunit;

namespace Grid.Tests.Streams;

public class GridStreamOptionsTests
{
    public static TheoryData<string, Action<GridStreamOptions>> Wrong => new()
    {
        { nameof(GridStreamOptions.BytesPerStreamMax), o => o.BytesPerStreamMax = 1023 },
        { nameof(GridStreamOptions.BytesPerStreamHardMax), o => o.BytesPerStreamHardMax = o.BytesPerStreamMax - 1 },
        { nameof(GridStreamOptions.BytesPerDeliveryMax), o => o.BytesPerDeliveryMax = 0 },
        { nameof(GridStreamOptions.ItemsPerDeliveryMax), o => o.ItemsPerDeliveryMax = 0 },
        { nameof(GridStreamOptions.BytesPerItemMax), o => o.BytesPerItemMax = 100 << 20 },
        { nameof(GridStreamOptions.RetryTimeMax), o => o.RetryTimeMax = TimeSpan.Zero },
        { nameof(GridStreamOptions.RetryPauseMin), o => o.RetryPauseMin = TimeSpan.Zero },
        { nameof(GridStreamOptions.RetryPauseMax), o => o.RetryPauseMax = o.RetryPauseMin / 2 },
        { nameof(GridStreamOptions.DeliveryTimeMax), o => o.DeliveryTimeMax = TimeSpan.Zero },
        { nameof(GridStreamOptions.IdleTimeMax), o => o.IdleTimeMax = TimeSpan.Zero },
        { nameof(GridStreamOptions.StreamsMax), o => o.StreamsMax = 0 },
    };

    [Fact]
    public void The_defaults_are_valid() => Assert.Null(new GridStreamOptions().FirstError());

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_value_out_of_bounds_is_named(string option, Action<GridStreamOptions> spoil)
    {
        var options = new GridStreamOptions();
        spoil(options);
        Assert.StartsWith(option, options.FirstError(), StringComparison.Ordinal);
    }

    [Fact]
    public void Pauses_double_up_to_the_longest_and_are_never_under_half()
    {
        var pauses = new RetryPauses(TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(100));
        int[] full = [10, 20, 40, 80, 100, 100];
        for (int attempt = 0; attempt < full.Length; attempt++)
            Assert.InRange(pauses.Next(attempt).TotalMilliseconds, full[attempt] / 2.0, full[attempt]);
        Assert.InRange(pauses.Next(int.MaxValue).TotalMilliseconds, 50, 100);
    }
}
